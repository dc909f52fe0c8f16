import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { type Finding, type Findings, type ProbeName, refuted, undecided } from "./probe.ts";
import { claimedProbes, isClaimed, probes } from "./probes.ts";
import type { Trial } from "./trial.ts";

export const isDecided = (finding: Finding | undefined): boolean =>
  finding !== undefined && finding.outcome !== "undecided";

/**
 * Tries what is claimed of a model and not decided yet, one after the other, a plain answer always first.
 *
 *     refused by name          ─▶ refuted
 *     fails, as does a plain question after it   ─▶ undecided, with all that would follow: the engine is away
 *     the same in another round                  ─▶ refuted: the engine may be away because of the question
 *     fails twice, with a plain answer between   ─▶ refuted
 *     no slot to spare         ─▶ undecided, with all that would follow: others come first
 *
 * Never rejects; whatever ends the round early leaves the rest undecided. `strikes` is how often the engine was away
 * after each question, over all rounds; it is added to.
 */
export async function probeModel(
  trial: Trial,
  known: Findings,
  strikes: Map<ProbeName, number> = new Map(),
): Promise<Findings> {
  const findings = new Map(known);
  const open = claimedProbes(trial).filter((name) => name === "answer" || !isDecided(known.get(name)));
  try {
    const sign = await findSignOfLife(trial, findings);
    for (const name of open) {
      if (isDecided(findings.get(name))) continue;
      if (sign === undefined || (sign !== "answer" && !signs.includes(name)))
        findings.set(name, refuted("it answers no questions"));
      else if ((strikes.get(name) ?? 0) >= mostStrikes)
        findings.set(name, refuted("each attempt made the engine unavailable"));
      else findings.set(name, await decide(name, sign, { trial, findings, strikes }));
    }
  } catch (thrown) {
    const { message } = toMeshError(thrown);
    for (const name of open) if (!isDecided(findings.get(name))) findings.set(name, undecided(message));
  }
  return findings;
}

/** Ways to show that a model works, the usual one first: some have no chat template, and some only embed. */
const signs: readonly ProbeName[] = ["answer", "raw_prompt", "embeddings"];

/**
 * The first probe that shows that the model works; undefined when it refuses all of them. Throws when none shows it
 * and one failed otherwise.
 */
async function findSignOfLife(
  trial: Trial,
  findings: Map<ProbeName, Finding>,
): Promise<ProbeName | undefined> {
  let failure: MeshError | undefined;
  for (const sign of signs.filter((name) => isClaimed(name, trial.served))) {
    const found = await attempt(sign, trial, findings);
    if (found instanceof MeshError) failure ??= found;
    else findings.set(sign, found);
    if (found instanceof MeshError || found.outcome !== "shown") continue;
    if (sign !== "answer" && failure !== undefined)
      findings.set("answer", refuted(`a plain question fails, though other things work: ${failure.message}`));
    return sign;
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** How often an engine may be away after a question before it is not asked again. */
const mostStrikes = 2;

interface Round {
  readonly trial: Trial;
  readonly findings: Findings;
  readonly strikes: Map<ProbeName, number>;
}

/** Runs a probe; a failure counts only when the engine works otherwise and fails again. */
async function decide(
  name: ProbeName,
  sign: ProbeName,
  { trial, findings, strikes }: Round,
): Promise<Finding> {
  const first = await attempt(name, trial, findings);
  if (!(first instanceof MeshError)) return first;
  const control = await attempt(sign, trial, findings);
  if (control instanceof MeshError) {
    strikes.set(name, (strikes.get(name) ?? 0) + 1);
    throw control;
  }
  const second = await attempt(name, trial, findings);
  if (!(second instanceof MeshError)) return second;
  return refuted(`it fails, though a plain question is answered: ${second.message}`);
}

/** The finding, or how the engine failed. Throws when the round is over. */
async function attempt(name: ProbeName, trial: Trial, findings: Findings): Promise<Finding | MeshError> {
  try {
    return await probes[name](trial, findings);
  } catch (thrown) {
    const error = toMeshError(thrown);
    if (error.kind === "invalid_request") return refuted(`it is refused: ${error.message}`);
    if (error.kind === "saturated" || error.kind === "cancelled") throw error;
    return error;
  }
}
