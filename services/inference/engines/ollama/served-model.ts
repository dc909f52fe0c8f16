import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Show, Tag } from "./api.ts";
import { contextSizeOf } from "./context-size.ts";
import { goesOnFromText } from "./renderers.ts";
import { firstWithLogprobs, firstWithThinkingLevels, isAtLeast } from "./version.ts";

/** A model of Ollama's as this node serves it. */
export interface KnownModel {
  readonly served: ServedModel;
  /** Whether it can think before it answers; what is not thinking refuses to be asked. */
  readonly thinks: boolean;
  /** Whether it takes a level of thinking, not just whether to think. */
  readonly takesLevels: boolean;
  /** Whether it thinks whatever is asked of it. */
  readonly alwaysThinks: boolean;
  /** Of the Ollama that serves it. */
  readonly version: string;
}

/** What a model's description is made from. */
export interface ModelFacts {
  readonly tag: Tag;
  readonly show: Show;
  readonly version: string;
  readonly slots: number;
  /** As in `ContextWishes`. */
  readonly contextSize: number | undefined;
  readonly loaded: number | undefined;
}

/** Why a model of Ollama's cloud is not served: this node would sell what others compute. */
export const inTheCloud = "it runs in Ollama's cloud, not on this machine";

/** Describes a model, or says in words why it is not served. */
export function describeModel(facts: ModelFacts): KnownModel | string {
  const { tag, show, version, slots, contextSize, loaded } = facts;
  const can = new Set(show.capabilities ?? []);
  if (show.remote_host) return inTheCloud;
  const completes = can.has("completion");
  const embeds = can.has("embedding");
  if (!completes && !embeds)
    return `it neither answers nor embeds (Ollama says: ${[...can].join(", ") || "nothing"})`;
  const served = create(ServedModelSchema, {
    model: tag.name,
    engineName: tag.name,
    engine: "ollama",
    contextLength: contextSizeOf(show, { contextSize, loaded }),
    slots: completes && !oneAtATime.has(show.details?.family ?? "") ? slots : 1,
    fingerprint: fingerprintOf(version, tag.digest),
    capabilities: {
      tools: completes && can.has("tools"),
      // A call is forced by holding the answer to the form of its arguments; see `forced-call.ts`.
      forcedToolChoice: completes && can.has("tools"),
      jsonObject: completes,
      jsonSchema: completes,
      logprobs: completes && isAtLeast(version, firstWithLogprobs),
      seed: completes,
      vision: completes && can.has("vision"),
      rawPrompt: completes,
      embeddings: embeds,
      resume: completes && goesOnFromText(show) ? Capabilities_Resume.TEXT : Capabilities_Resume.NONE,
    },
  });
  const thinks = can.has("thinking");
  const isHarmony = harmonyFamilies.has(show.details?.family ?? "");
  return {
    served,
    thinks,
    takesLevels: isHarmony || isAtLeast(version, firstWithThinkingLevels),
    alwaysThinks: thinks && isHarmony,
    version,
  };
}

/** The families of gpt-oss, whose format has reasoning in every answer (server/routes.go, shouldUseHarmony). */
const harmonyFamilies = new Set(["gptoss", "gpt-oss"]);

/** Families that Ollama runs one at a time, whatever OLLAMA_NUM_PARALLEL says, as it does what only embeds (server/sched.go). */
const oneAtATime = new Set([
  "mllama",
  "qwen3vl",
  "qwen3vlmoe",
  "qwen35",
  "qwen35moe",
  "qwen3next",
  "lfm2",
  "lfm2moe",
  "nemotron_h",
  "nemotron_h_moe",
  "nemotron_h_omni",
]);

/** The digest covers weights, quantization, template and parameters, and the version what computes. */
const fingerprintOf = (version: string, digest: string): string =>
  createHash("sha256")
    .update(JSON.stringify(["ollama", version, digest]))
    .digest("hex")
    .slice(0, 16);
