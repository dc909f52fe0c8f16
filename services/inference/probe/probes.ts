import { capabilities } from "../../../core/generation/capabilities.ts";
import { Capabilities_Resume, type ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { answer, contextLength, embeddings, rawPrompt, triedTokens } from "./attempts/basics.ts";
import { jsonObject, jsonSchema } from "./attempts/json.ts";
import { resume } from "./attempts/resume.ts";
import { logitBias, logprobs, seed } from "./attempts/sampling.ts";
import { forcedToolChoice, tools } from "./attempts/tools.ts";
import { vision } from "./attempts/vision.ts";
import type { Attempt, ProbeName } from "./probe.ts";

/** All probes in order, from cheap to expensive after the plain answer. */
export const probes: Readonly<Record<ProbeName, Attempt>> = {
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

/** The probes of what is claimed, in order. */
export const claimedProbes = ({ served }: { readonly served: ServedModel }): ProbeName[] =>
  (Object.keys(probes) as ProbeName[]).filter((name) => isClaimed(name, served));

export function isClaimed(name: ProbeName, { capabilities: claimed, contextLength }: ServedModel): boolean {
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
