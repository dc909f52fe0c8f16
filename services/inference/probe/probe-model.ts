import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { capabilities } from "../../../core/generation/capabilities.ts";
import { Capabilities_Resume, type ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { answer, contextLength, embeddings, rawPrompt, triedTokens } from "./attempts/basics.ts";
import { jsonObject, jsonSchema } from "./attempts/json.ts";
import { resume } from "./attempts/resume.ts";
import { logitBias, logprobs, seed } from "./attempts/sampling.ts";
import { forcedToolChoice, tools } from "./attempts/tools.ts";
import { vision } from "./attempts/vision.ts";
import {
  type Attempt,
  type Finding,
  type Findings,
  type ProbeName,
  refuted,
  type Trial,
  undecided,
} from "./trial.ts";

/** All probes in order, from cheap to expensive after the plain answer. */
const probes: Readonly<Record<ProbeName, Attempt>> = {
  answer,
  embeddings,
  logprobs,
  logit_bias: logitBias,
  raw_prompt: rawPrompt,
  json_object: jsonObject,
  json_schema: jsonSchema,
  forced_tool_choice: forcedToolChoice,
  // Depends on forced calls.
  tools,
  seed,
  resume,
  vision,
  context_length: contextLength,
};

export const isDecided = (finding: Finding | undefined): boolean =>
  finding !== undefined && finding.outcome !== "undecided";

/** The probes of what a model claims that are not decided yet, in order. */
export const undecidedProbes = (served: ServedModel, findings: Findings): ProbeName[] =>
  (Object.keys(probes) as ProbeName[]).filter(
    (name) => isClaimed(name, served) && !isDecided(findings.get(name)),
  );

function isClaimed(name: ProbeName, { capabilities: claimed, contextLength }: ServedModel): boolean {
  switch (name) {
    case "answer":
      return true;
    case "context_length":
      return contextLength <= triedTokens;
    case "resume":
      return (claimed?.resume ?? 0) > Capabilities_Resume.NONE;
    case "seed":
      return claimed?.seed === true;
    default:
      return claimed !== undefined && capabilities[name].isOffered(claimed);
  }
}

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
  const open = undecidedProbes(trial.served, known);
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

/** The first probe that shows that the model works; undefined when all are refused. Throws when one fails otherwise. */
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
