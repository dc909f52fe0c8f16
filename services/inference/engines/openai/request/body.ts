import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type * as proto from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { roleOf } from "../../roles.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import { toCommonSampling } from "../../upstream/sampling.ts";
import { withOpenTurn } from "../../upstream/turns.ts";
import type { Job } from "../job.ts";
import { toForcedMembers, toResponseFormat, toToolMembers } from "./forms.ts";
import type { JsonObject } from "./json.ts";

/** The body of `POST /chat/completions`. Stop texts are applied here: servers differ, or ignore them. */
export function toChatBody(job: Job, maxTokens: number | undefined): JsonObject {
  const { generation, partial, forced, served, server } = job;
  const { logprobs } = generation;
  return {
    model: served.engineName,
    messages: toTurns(job),
    ...(partial === undefined ? {} : server.traits.continuing.members),
    grammar: partial?.grammar,
    ...(forced === undefined
      ? { ...toToolMembers(generation), response_format: toResponseFormat(generation.outputFormat) }
      : toForcedMembers(forced)),
    ...toSampling(generation.sampling),
    ...(logprobs && { logprobs: true, top_logprobs: leastAlternatives(logprobs) }),
    ...toThinking(generation, parseKwargs(generation.chatTemplateKwargsJson), partial !== undefined),
    // TGI, LM Studio and Ollama know only the older name, OpenAI's newer models only the other.
    max_completion_tokens: maxTokens,
    max_tokens: maxTokens,
    ...toStreaming(job),
  };
}

function toTurns({ generation, partial, forced }: Job): JsonObject[] {
  const turns = generation.messages.map(toMessage);
  const instructed = forced === undefined ? turns : forced.instruct(turns);
  return partial === undefined ? instructed : withOpenTurn(instructed, partial.sent);
}

/** The body of `POST /completions`, for a raw prompt. */
export function toCompletionBody(
  job: Job,
  given: proto.RawPrompt,
  maxTokens: number | undefined,
): JsonObject {
  const { generation, partial, served, server } = job;
  const { contextLength } = served;
  const start = toPrompt(given);
  const prompt = typeof start === "string" ? start + (partial?.sent ?? "") : start;
  return {
    model: served.engineName,
    prompt,
    grammar: partial?.grammar,
    ...toSampling(generation.sampling),
    logprobs: generation.logprobs && leastAlternatives(generation.logprobs),
    // The default is 16, not the rest of the context.
    max_tokens:
      maxTokens ?? (server.traits.clampsMaxTokens ? contextLength : roomBehind(prompt, contextLength)),
    ...toStreaming(job),
  };
}

/** The body of `POST /embeddings`. */
export const toEmbeddingBody = ({ generation, served }: Job): JsonObject => ({
  model: served.engineName,
  input: generation.embedding?.inputs.map(toPrompt) ?? [],
  encoding_format: "float",
});

/** Counts per chunk are needed only where the answer may be cut here. */
const toStreaming = ({ generation, server: { traits, caching } }: Job): JsonObject => ({
  stream: true,
  stream_options: { include_usage: true, ...(generation.limits?.stop.length ? traits.countsInOptions : {}) },
  ...traits.extras,
  ...caching.toMembers(traits, generation),
});

const toPrompt = ({ prompt }: proto.RawPrompt): string | readonly number[] =>
  prompt.case === "tokens" ? prompt.value.ids : (prompt.value ?? "");

/** Tokens that surely fit: a text has no more tokens than bytes. If none do, the server reports the length. */
function roomBehind(prompt: string | readonly number[], contextLength: number): number {
  const mostTokens = typeof prompt === "string" ? Buffer.byteLength(prompt) + 1 : prompt.length;
  return mostTokens < contextLength ? contextLength - mostTokens : contextLength;
}

function parseKwargs(json: string): JsonObject {
  if (json === "") return {};
  const value = parseCallerObject(json);
  if (value !== undefined) return value as JsonObject;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}

/** A turn in OpenAI's form. Without images its content is a string: many chat templates read nothing else. */
function toMessage(message: proto.Message, index: number): JsonObject {
  const role = roleOf(message, index);
  const isOnlyCalls = message.parts.length === 0 && message.toolCalls.length > 0;
  return {
    role,
    content: isOnlyCalls ? null : toContent(message.parts),
    name: message.name || undefined,
    reasoning_content: message.reasoning || undefined,
    tool_calls: message.toolCalls.length === 0 ? undefined : message.toolCalls.map(toToolCall),
    tool_call_id: role === "tool" ? message.toolCallId : undefined,
  };
}

const toContent = (parts: readonly proto.Part[]): string | JsonObject[] =>
  parts.every(({ part }) => part.case === "text")
    ? parts.map(({ part }) => part.value ?? "").join("")
    : parts.flatMap(toContentPart);

function toContentPart({ part }: proto.Part): JsonObject[] {
  if (part.case === "text") return [{ type: "text", text: part.value }];
  if (part.case !== "image") return [];
  const { data, mimeType, detail } = part.value;
  const url = `data:${mimeType};base64,${Buffer.from(data).toString("base64")}`;
  return [{ type: "image_url", image_url: { url, detail: detail || undefined } }];
}

/** Servers refuse empty arguments. */
const toToolCall = ({ id, name, argumentsJson }: proto.ToolCall): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: argumentsJson.trim() === "" ? "{}" : argumentsJson },
});

/** Sampling with vendors' names: vLLM, SGLang, TGI read `repetition_penalty`, others `repeat_penalty`. */
function toSampling(sampling: proto.Sampling | undefined): JsonObject {
  if (sampling === undefined) return {};
  const { topK, logitBias, repetitionPenalty } = sampling;
  return {
    ...toCommonSampling(sampling),
    // -1 disables it everywhere; older vLLM and SGLang refuse 0.
    top_k: topK === 0 ? -1 : topK,
    repetition_penalty: repetitionPenalty,
    logit_bias: Object.keys(logitBias).length === 0 ? undefined : logitBias,
  };
}

/** At least one alternative, because llama-server sends nothing for 0. */
const leastAlternatives = ({ top }: proto.LogprobsRequest): number => Math.max(1, top);

/**
 * Reasoning, for OpenAI and common chat templates; the caller's `kwargs` override it. A continued answer has
 * it behind it: llama-server refuses to continue with reasoning, and SGLang would leave it open.
 */
function toThinking({ reasoning }: proto.Generation, kwargs: JsonObject, isResumed: boolean): JsonObject {
  if (isResumed) return { chat_template_kwargs: { ...kwargs, enable_thinking: false, thinking: false } };
  const { effort = "", enabled } = reasoning ?? {};
  const thinks = enabled ?? (effort === "" ? undefined : effort !== "none");
  const variables = {
    ...(thinks === undefined ? {} : { enable_thinking: thinks, thinking: thinks }),
    ...kwargs,
  };
  return {
    reasoning_effort: effort || undefined,
    chat_template_kwargs: Object.keys(variables).length === 0 ? undefined : variables,
  };
}
