import {
  FinishReason,
  type Generation,
  type Usage,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { count, type Members, members } from "../../upstream/json.ts";
import type { Chunk } from "./chunk.ts";

interface Reported {
  readonly prompt: number | undefined;
  readonly completion: number | undefined;
  readonly cached: number | undefined;
  readonly reasoning: number | undefined;
}

/**
 * Counts an answer's tokens by the latest `usage` or llama-server's `timings`. Otherwise a chunk counts as
 * one, or as many as it has words (a mesh merges tokens under load), and four bytes of the prompt as one.
 */
export class UsageCounter {
  readonly #generation: Generation;
  readonly #reportsCached: boolean;
  #reported: Reported | undefined;
  #counted = 0;
  /** Chunks that showed something. */
  #pieces = 0;
  #reasoningTokens = 0;

  /** `reportsCached`: whether the server's number of cached tokens is passed on. */
  constructor(generation: Generation, reportsCached: boolean) {
    this.#generation = generation;
    this.#reportsCached = reportsCached;
  }

  push({ text, reasoning, calls, members: chunk }: Chunk): void {
    const reasoningTokens = leastTokens(reasoning);
    this.#reasoningTokens += reasoningTokens;
    this.#counted += reasoningTokens + leastTokens(text);
    if (calls.length > 0) this.#counted++;
    if (text !== "" || reasoning !== "" || calls.length > 0) this.#pieces++;
    this.#reported = readUsage(chunk) ?? readTimings(chunk) ?? this.#reported;
  }

  /**
   * Whether a chunk shows more than the tokens that were asked for, from a server that ignores the limit: by the usage
   * that it reports on each chunk, else by the number of chunks, because a token is hardly ever sent in two.
   */
  isBeyondLimit({ text, reasoning, calls, members: chunk }: Chunk): boolean {
    const limit = this.#generation.limits?.maxTokens;
    if (limit === undefined || (text === "" && reasoning === "" && calls.length === 0)) return false;
    const reported = readUsage(chunk)?.completion;
    return reported === undefined ? this.#pieces >= limit : reported > limit;
  }

  /** Whether the server reports tokens, more than a few marks; for answers that show none. */
  get isEmptyClaim(): boolean {
    return (this.#reported?.completion ?? 0) > mostMarks;
  }

  /** The usage of an answer with this finish reason; never more than the limit. */
  usage(reason: FinishReason): Omit<Usage, "$typeName" | "$unknown"> {
    const limit = this.#generation.limits?.maxTokens ?? Number.POSITIVE_INFINITY;
    const counted = reason === FinishReason.LENGTH && Number.isFinite(limit) ? limit : this.#counted;
    const completionTokens = Math.min(this.#reported?.completion || counted, limit);
    return {
      promptTokens: this.#reported?.prompt || estimatePrompt(this.#generation),
      completionTokens,
      cachedTokens: (this.#reportsCached && this.#reported?.cached) || 0,
      reasoningTokens: Math.min(this.#reported?.reasoning ?? this.#reasoningTokens, completionTokens),
    };
  }
}

/** The least tokens of a text: hardly any token spans words. */
const leastTokens = (text: string): number =>
  text === "" ? 0 : Math.max(1, text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0);

function readUsage(chunk: Members): Reported | undefined {
  const usage = members(chunk.usage);
  const completion = count(usage.completion_tokens);
  if (completion === undefined) return undefined;
  return {
    prompt: count(usage.prompt_tokens),
    completion,
    cached: count(members(usage.prompt_tokens_details).cached_tokens),
    // SGLang's place for it.
    reasoning:
      count(members(usage.completion_tokens_details).reasoning_tokens) ?? count(usage.reasoning_tokens),
  };
}

function readTimings(chunk: Members): Reported | undefined {
  const timings = members(chunk.timings);
  const completion = count(timings.predicted_n);
  const read = count(timings.prompt_n);
  if (completion === undefined || read === undefined) return undefined;
  const cached = count(timings.cache_n) ?? 0;
  return { prompt: read + cached, completion, cached, reasoning: undefined };
}

/** The most tokens that show nothing in an answer that is empty. */
const mostMarks = 8;

const bytesPerToken = 4;

function estimatePrompt({ messages, rawPrompt, tools, resume }: Generation): number {
  const raw = rawPrompt?.prompt;
  const tokens = raw?.case === "tokens" ? raw.value.ids.length : 0;
  const texts = [
    resume?.text ?? "",
    raw?.case === "text" ? raw.value : "",
    ...messages.flatMap(({ parts, reasoning, toolCalls }) => [
      reasoning,
      ...parts.map(({ part }) => (part.case === "text" ? part.value : "")),
      ...toolCalls.map(({ name, argumentsJson }) => name + argumentsJson),
    ]),
    ...tools.map(({ name, description, parametersJson }) => name + description + parametersJson),
  ];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return Math.max(1, tokens + Math.ceil(bytes / bytesPerToken));
}
