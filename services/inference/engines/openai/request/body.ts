import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { RawPrompt } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import { withOpenTurn } from "../../upstream/turns.ts";
import type { Job } from "../job.ts";
import { toForcedMembers, toResponseFormat, toToolMembers } from "./forms.ts";
import type { JsonObject } from "./json.ts";
import { toMessage } from "./messages.ts";
import { toChatLogprobs, toCompletionLogprobs, toSampling, toThinking } from "./sampling.ts";

/** The body of `POST /chat/completions`. Stop texts are applied here: servers differ, or ignore them. */
export function toChatBody(job: Job, maxTokens: number | undefined): JsonObject {
  const { generation, partial, forced, served, server } = job;
  return {
    model: served.engineName,
    messages: toTurns(job),
    ...(partial === undefined ? {} : server.traits.continuing.members),
    grammar: partial?.grammar,
    ...(forced === undefined
      ? { ...toToolMembers(generation), response_format: toResponseFormat(generation.outputFormat) }
      : toForcedMembers(forced)),
    ...toSampling(generation.sampling),
    ...toChatLogprobs(generation.logprobs),
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
export function toCompletionBody(job: Job, given: RawPrompt, maxTokens: number | undefined): JsonObject {
  const { generation, partial, served, server } = job;
  const { contextLength } = served;
  const start = toPrompt(given);
  const prompt = typeof start === "string" ? start + (partial?.sent ?? "") : start;
  return {
    model: served.engineName,
    prompt,
    grammar: partial?.grammar,
    ...toSampling(generation.sampling),
    ...toCompletionLogprobs(generation.logprobs),
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
const toStreaming = ({ generation, server: { traits } }: Job): JsonObject => ({
  stream: true,
  stream_options: { include_usage: true, ...(generation.limits?.stop.length ? traits.countsInOptions : {}) },
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
  const value = parseCallerObject(json);
  if (value !== undefined) return value as JsonObject;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}
