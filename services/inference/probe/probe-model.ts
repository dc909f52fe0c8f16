import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { type Finding, refuted, undecided } from "./finding.ts";
import type { Findings, Probe, ProbeName } from "./probe.ts";
import { answer } from "./probes/answer.ts";
import { embeddings } from "./probes/embeddings.ts";
import { probes } from "./probes/index.ts";
import { rawPrompt } from "./probes/raw-prompt.ts";
import type { Trial } from "./trial.ts";

/** What of a model can be tried, in the order in which it is; the rest is not claimed. */
export const claimedProbes = (trial: Pick<Trial, "served">): Probe[] =>
  [answer, ...probes].filter((probe) => probe.isClaimed(trial.served));

/** Whether something was decided, so that it need not be tried again. */
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
  const open = claimedProbes(trial).filter(({ name }) => name === "answer" || !isDecided(known.get(name)));
  try {
    const sign = await findSignOfLife(trial, findings);
    for (const probe of open) {
      if (isDecided(findings.get(probe.name))) continue;
      if (sign === undefined || (sign !== answer && !signs.includes(probe)))
        findings.set(probe.name, refuted("it answers no questions"));
      else if ((strikes.get(probe.name) ?? 0) >= mostStrikes)
        findings.set(probe.name, refuted("each time that it was asked for, the engine was away afterwards"));
      else findings.set(probe.name, await decide(probe, sign, { trial, findings, strikes }));
    }
  } catch (thrown) {
    const { message } = toMeshError(thrown);
    for (const { name } of open) if (!isDecided(findings.get(name))) findings.set(name, undecided(message));
  }
  return findings;
}

/** Ways for a model to be of use, the usual one first: some have no chat template, and some only embed. */
const signs: readonly Probe[] = [answer, rawPrompt, embeddings];

/**
 * The first probe by which the model shows that it works at all; undefined when it refuses all of them. Throws when
 * it shows nothing and one of them failed otherwise.
 */
async function findSignOfLife(trial: Trial, findings: Map<ProbeName, Finding>): Promise<Probe | undefined> {
  let failure: MeshError | undefined;
  for (const sign of signs.filter(({ isClaimed }) => isClaimed(trial.served))) {
    const found = await attempt(sign, trial, findings);
    if (found instanceof MeshError) failure ??= found;
    else findings.set(sign.name, found);
    if (found instanceof MeshError || found.outcome !== "shown") continue;
    if (sign !== answer && failure !== undefined)
      findings.set("answer", refuted(`a plain question fails, though other things work: ${failure.message}`));
    return sign;
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** How often an engine may be away after a question before it is not asked that again. */
const mostStrikes = 2;

/** One round of probes on a model. */
interface Round {
  readonly trial: Trial;
  readonly findings: Findings;
  readonly strikes: Map<ProbeName, number>;
}

/** Tries a probe; a failure counts against it only when the engine works otherwise and fails at it once more. */
async function decide(probe: Probe, sign: Probe, { trial, findings, strikes }: Round): Promise<Finding> {
  const first = await attempt(probe, trial, findings);
  if (!(first instanceof MeshError)) return first;
  const control = await attempt(sign, trial, findings);
  if (control instanceof MeshError) {
    strikes.set(probe.name, (strikes.get(probe.name) ?? 0) + 1);
    throw control;
  }
  const second = await attempt(probe, trial, findings);
  if (!(second instanceof MeshError)) return second;
  return refuted(`it fails, though a plain question is answered: ${second.message}`);
}

/** What a probe finds, or how the engine failed. Throws when the round is over. */
async function attempt(probe: Probe, trial: Trial, findings: Findings): Promise<Finding | MeshError> {
  try {
    return await probe.attempt(trial, findings);
  } catch (thrown) {
    const error = toMeshError(thrown);
    if (error.kind === "invalid_request") return refuted(`it is refused: ${error.message}`);
    if (error.kind === "saturated" || error.kind === "cancelled") throw error;
    return error;
  }
}
