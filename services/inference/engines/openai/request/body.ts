import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import type {
  Generation,
  Message,
  RawPrompt,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServerTraits } from "../../../servers/kinds.ts";
import type { ForcedCall } from "../../upstream/forced-call.ts";
import { withOpenTurn } from "../../upstream/turns.ts";
import { toForcedMembers, toResponseFormat, toToolMembers } from "./forms.ts";
import type { JsonObject } from "./json.ts";
import { toMessages } from "./messages.ts";
import type { PartialAnswer } from "./partial-answer.ts";
import { toChatLogprobs, toCompletionLogprobs, toSampling, toThinking } from "./sampling.ts";

interface BodyContext {
  /** The server's name of the model. */
  readonly engineName: string;
  readonly contextLength: number;
  readonly traits: ServerTraits;
  readonly partial: PartialAnswer | undefined;
  readonly forced: ForcedCall | undefined;
}

/**
 * The body of `POST /chat/completions`. Stop texts are applied here instead: servers differ in reporting which one
 * was met, and some ignore them.
 */
export const toChatBody = (
  generation: Generation,
  { engineName, traits, partial, forced }: BodyContext,
  maxTokens: number | undefined,
): JsonObject => ({
  model: engineName,
  messages: toTurns(generation.messages, partial, forced),
  ...(partial === undefined ? {} : traits.continuing.members),
  grammar: partial?.grammar,
  ...(forced === undefined ? toFreeMembers(generation) : toForcedMembers(forced)),
  ...toSampling(generation.sampling),
  ...toChatLogprobs(generation.logprobs),
  ...toThinking(generation, parseKwargs(generation.chatTemplateKwargsJson), partial !== undefined),
  // TGI, LM Studio and Ollama know only the older name, OpenAI's newer models only the other.
  max_completion_tokens: maxTokens,
  max_tokens: maxTokens,
  ...toStreaming(generation, traits),
});

const toFreeMembers = (generation: Generation): JsonObject => ({
  ...toToolMembers(generation),
  response_format: toResponseFormat(generation.outputFormat),
});

function toTurns(
  messages: readonly Message[],
  partial: PartialAnswer | undefined,
  forced: ForcedCall | undefined,
): JsonObject[] {
  const turns = toMessages(messages);
  const instructed = forced === undefined ? turns : forced.instruct(turns);
  return partial === undefined ? instructed : withOpenTurn(instructed, partial.sent);
}

/** The body of `POST /completions`, for a raw prompt. */
export function toCompletionBody(
  generation: Generation,
  prompt: RawPrompt,
  { engineName, contextLength, traits, partial }: BodyContext,
  maxTokens: number | undefined,
): JsonObject {
  const given = toPrompt(prompt);
  const whole = typeof given === "string" ? given + (partial?.sent ?? "") : given;
  return {
    model: engineName,
    prompt: whole,
    grammar: partial?.grammar,
    ...toSampling(generation.sampling),
    ...toCompletionLogprobs(generation.logprobs),
    // The default is 16, not the rest of the context.
    max_tokens: maxTokens ?? (traits.clampsMaxTokens ? contextLength : roomBehind(whole, contextLength)),
    ...toStreaming(generation, traits),
  };
}

/** The body of `POST /embeddings`. */
export const toEmbeddingBody = (inputs: readonly RawPrompt[], engineName: string): JsonObject => ({
  model: engineName,
  input: inputs.map(toPrompt),
  encoding_format: "float",
});

/** Counts per chunk are needed only where the answer may be cut here. */
const toStreaming = ({ limits }: Generation, traits: ServerTraits): JsonObject => ({
  stream: true,
  stream_options: { include_usage: true, ...((limits?.stop.length ?? 0) > 0 ? traits.countsInOptions : {}) },
  ...traits.extras,
});

const toPrompt = ({ prompt }: RawPrompt): string | readonly number[] =>
  prompt.case === "tokens" ? prompt.value.ids : (prompt.value ?? "");

/** Tokens that surely fit: a text has no more tokens than bytes. If none do, the server reports the length. */
function roomBehind(prompt: string | readonly number[], contextLength: number): number {
  const mostTokens = typeof prompt === "string" ? Buffer.byteLength(prompt) + 1 : prompt.length;
  return mostTokens < contextLength ? contextLength - mostTokens : contextLength;
}

function parseKwargs(json: string): JsonObject {
  if (json === "") return {};
  const value = parseJson(json);
  if (isJsonObject(value)) return value as JsonObject;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}
