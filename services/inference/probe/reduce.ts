import { create } from "@bufbuild/protobuf";
import {
  Capabilities_Resume,
  CapabilitiesSchema,
  type ServedModel,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Findings, ProbeName } from "./probe.ts";

/**
 * A model with what was shown of its capabilities, never more than the engine claims. Undefined for one that was seen
 * to be good for nothing: it refuses plain questions and raw prompts, and embeds no text.
 */
export function reduce(served: ServedModel, findings: Findings): ServedModel | undefined {
  const isShown = (name: ProbeName) => findings.get(name)?.outcome === "shown";
  if (isUseless(findings)) return undefined;
  const claimed = served.capabilities ?? create(CapabilitiesSchema);
  return {
    ...served,
    capabilities: {
      ...claimed,
      tools: claimed.tools && isShown("tools"),
      forcedToolChoice: claimed.forcedToolChoice && isShown("forced_tool_choice"),
      jsonObject: claimed.jsonObject && isShown("json_object"),
      jsonSchema: claimed.jsonSchema && isShown("json_schema"),
      logprobs: claimed.logprobs && isShown("logprobs"),
      seed: claimed.seed && isShown("seed"),
      vision: claimed.vision && isShown("vision"),
      logitBias: claimed.logitBias && isShown("logit_bias"),
      rawPrompt: claimed.rawPrompt && isShown("raw_prompt"),
      embeddings: claimed.embeddings && isShown("embeddings"),
      resume: isShown("resume") ? claimed.resume : Capabilities_Resume.NONE,
    },
  };
}

/** Whether every way to be of use was tried in vain. */
const isUseless = (findings: Findings): boolean =>
  findings.get("answer")?.outcome === "refuted" &&
  (["raw_prompt", "embeddings"] as const).every(
    (name) => (findings.get(name)?.outcome ?? "refuted") === "refuted",
  );
