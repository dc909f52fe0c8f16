import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Show, Tag } from "./api.ts";
import { firstWithLogprobs, firstWithThinkingLevels, isAtLeast } from "./version.ts";

/** A model of Ollama as this node serves it. */
export interface KnownModel {
  readonly served: ServedModel;
  /** Whether it can reason; others refuse `think`. */
  readonly thinks: boolean;
  readonly takesLevels: boolean;
  readonly alwaysThinks: boolean;
  readonly version: string;
}

export interface ModelFacts {
  readonly tag: Tag;
  readonly show: Show;
  readonly version: string;
  readonly slots: number;
  /** Tokens of context, as the provider wants it. */
  readonly contextSize: number | undefined;
  /** Tokens of context that Ollama has it loaded with now; undefined when it is not loaded. */
  readonly loadedContext: number | undefined;
}

/** This node would sell what others compute. */
export const inTheCloud = "it runs in Ollama's cloud, not on this machine";

/** Describes a model, or says why it is not served. */
export function describeModel(facts: ModelFacts): KnownModel | string {
  const { tag, show, version, slots } = facts;
  if (show.remote_host) return inTheCloud;
  const can = new Set(show.capabilities ?? []);
  const family = show.details?.family ?? "";
  const completes = can.has("completion");
  const embeds = can.has("embedding");
  if (!completes && !embeds)
    return `it neither answers nor embeds (Ollama says: ${[...can].join(", ") || "nothing"})`;
  const tools = completes && can.has("tools");
  const isHarmony = harmonyFamilies.has(family);
  return {
    served: create(ServedModelSchema, {
      model: tag.name,
      engineName: tag.name,
      engine: "ollama",
      contextLength: contextSizeOf(facts),
      slots: completes && !oneAtATime.has(family) ? slots : 1,
      fingerprint: fingerprintOf(version, tag.digest),
      capabilities: {
        tools,
        // Forced by a schema of the arguments (`forced-call.ts`).
        forcedToolChoice: tools,
        jsonObject: completes,
        jsonSchema: completes,
        logprobs: completes && isAtLeast(version, firstWithLogprobs),
        seed: completes,
        vision: completes && can.has("vision"),
        rawPrompt: completes,
        embeddings: embeds,
        resume: completes && continuesFromText(show) ? Capabilities_Resume.TEXT : Capabilities_Resume.NONE,
      },
    }),
    thinks: can.has("thinking"),
    takesLevels: isHarmony || isAtLeast(version, firstWithThinkingLevels),
    alwaysThinks: can.has("thinking") && isHarmony,
    version,
  };
}

/** gpt-oss, which reasons in every answer (server/routes.go, shouldUseHarmony). */
const harmonyFamilies = new Set(["gptoss", "gpt-oss"]);

/** Families that ignore OLLAMA_NUM_PARALLEL, as embedding models do (server/sched.go). */
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

/** The digest covers weights and template; the version covers the runtime. */
const fingerprintOf = (version: string, digest: string): string =>
  createHash("sha256")
    .update(JSON.stringify(["ollama", version, digest]))
    .digest("hex")
    .slice(0, 16);

/** The default context in tokens: a conversation with tools, about 1 GiB for an 8B model. */
const defaultContextSize = 8192;

/**
 * The `num_ctx` of every request: the provider's, else the model file's, else the loaded one, else 8192; at
 * most as trained. Decided once and always sent, because Ollama reloads a model for every other value.
 */
function contextSizeOf({ show, contextSize, loadedContext }: ModelFacts): number {
  const wished = contextSize ?? contextInFile(show) ?? loadedContext ?? defaultContextSize;
  return Math.min(wished, trainedContextOf(show) ?? wished);
}

function trainedContextOf({ model_info, details }: Show): number | undefined {
  const architecture = model_info?.["general.architecture"];
  const reported = model_info?.[`${architecture}.context_length`] ?? details?.context_length;
  return typeof reported === "number" && reported > 0 ? reported : undefined;
}

/** The context in the model file, from a line such as `num_ctx                        4096`. */
function contextInFile({ parameters }: Show): number | undefined {
  const value = /^num_ctx\s+(\d+)\s*$/m.exec(parameters ?? "")?.[1];
  return Number(value ?? 0) || undefined;
}

/**
 * Renderers that close the assistant's last turn, so that the model starts again (model/renderers at
 * fb30760996871fa9460115c753afd2c60d4ab0f7). All others leave it open; so does llama-server.
 */
const startingAgain = new Set([
  "cogito",
  "deepseek3.1",
  "functiongemma",
  "gemma4",
  "gemma4-large",
  "gemma4-small",
  "glimmer",
  "glm-4.7",
  "glm-ocr",
  "laguna",
  "nemotron-3-nano",
  "nemotron-3.5-nano",
  "olmo3-32b-think",
  "olmo3-think",
  "poolside-v1",
]);

/** Whether the model continues the last turn, by its renderer; custom templates show only when tried. */
export function continuesFromText({ modelfile }: Show): boolean {
  const renderer = /^RENDERER "?([^"\s]+)"?\s*$/m.exec(modelfile ?? "")?.[1];
  return renderer === undefined || !startingAgain.has(renderer);
}
