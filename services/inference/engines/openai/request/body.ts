import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation, RawPrompt } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseJson } from "../../upstream/parse-json.ts";
import type { ServerTraits } from "../upstream/kinds.ts";
import { toResponseFormat, toToolMembers } from "./forms.ts";
import type { Json, JsonObject } from "./json.ts";
import { toMessages } from "./messages.ts";
import { toChatLogprobs, toCompletionLogprobs, toSampling, toThinking } from "./sampling.ts";

/** What a request depends on beside its generation. */
export interface BodyContext {
  /** The server's own name for the model. */
  readonly engineName: string;
  readonly contextLength: number;
  readonly traits: ServerTraits;
}

/**
 * The body of `POST /chat/completions`. Stop texts are not in it: no two servers tell alike which one was met, and
 * some ignore them, so the answer is cut here.
 */
export const toChatBody = (
  generation: Generation,
  { engineName, traits }: BodyContext,
  maxTokens: number | undefined,
): JsonObject => ({
  model: engineName,
  messages: toMessages(generation.messages),
  ...toToolMembers(generation),
  response_format: toResponseFormat(generation.outputFormat),
  ...toSampling(generation.sampling),
  ...toChatLogprobs(generation.logprobs),
  ...toThinking(generation, parseKwargs(generation.chatTemplateKwargsJson)),
  // Both names: TGI, LM Studio and Ollama know only the older, OpenAI's own newer models only the other.
  max_completion_tokens: maxTokens,
  max_tokens: maxTokens,
  ...toStreaming(generation, traits),
});

/** The body of `POST /completions`, for a raw prompt. */
export function toCompletionBody(
  generation: Generation,
  prompt: RawPrompt,
  { engineName, contextLength, traits }: BodyContext,
  maxTokens: number | undefined,
): JsonObject {
  return {
    model: engineName,
    prompt: toPrompt(prompt),
    ...toSampling(generation.sampling),
    ...toCompletionLogprobs(generation.logprobs),
    // Left out it is 16, so "as many as the context allows" must be said.
    max_tokens: maxTokens ?? (traits.clampsMaxTokens ? contextLength : roomBehind(prompt, contextLength)),
    ...toStreaming(generation, traits),
  };
}

/** The body of `POST /embeddings`. */
export const toEmbeddingBody = (inputs: readonly RawPrompt[], engineName: string): JsonObject => ({
  model: engineName,
  input: inputs.map(toPrompt),
  encoding_format: "float",
});

/** Counts for each chunk are asked for only where an answer may be cut here, before the server's last word. */
const toStreaming = ({ limits }: Generation, traits: ServerTraits): JsonObject => ({
  stream: true,
  stream_options: { include_usage: true, ...((limits?.stop.length ?? 0) > 0 ? traits.countsInOptions : {}) },
  ...traits.extras,
});

const toPrompt = ({ prompt }: RawPrompt): Json =>
  prompt.case === "tokens" ? prompt.value.ids : (prompt.value ?? "");

/** Tokens that surely fit: a text has no more tokens than bytes. When none do, the server will say how many there are. */
function roomBehind({ prompt }: RawPrompt, contextLength: number): number {
  const mostTokens =
    prompt.case === "tokens" ? prompt.value.ids.length : Buffer.byteLength(prompt.value ?? "") + 1;
  return mostTokens < contextLength ? contextLength - mostTokens : contextLength;
}

function parseKwargs(json: string): JsonObject {
  if (json === "") return {};
  const value = parseJson(json);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}
