import { hash } from "node:crypto";
import { z } from "zod";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  type Finished,
  FinishReason,
  type TokenChoice,
  type TokenLogprob,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toErrorBody } from "../errors/envelope.ts";

// Parts of OpenAI's answers that objects and streams share. Types and the OpenAPI document derive from the schemas;
// answers are validated against them only in tests.

/** A value of a schema, deeply read-only. */
export type Described<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>;

type DeepReadonly<T> = T extends readonly (infer Element)[]
  ? readonly DeepReadonly<Element>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

export const count = z.number().min(0).meta({ type: "integer" });

export const unixSeconds = count.describe("Unix timestamp in seconds.");

export const anyRecord = z.record(z.string(), z.unknown());

/** All answers have the same tier, whatever was requested. */
export const serviceTier = "default" as const;

export const tier = z.literal(serviceTier);

export const finishReason = z.enum(["stop", "length", "tool_calls", "function_call", "content_filter"]);

export const fingerprint = z
  .string()
  .nullable()
  .describe(
    "Identifies the engine and its configuration; equal for engines that give equal answers to equal seeds.",
  );

const logprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().min(0).max(255).meta({ type: "integer" })).nullable(),
});

export const tokenLogprob = logprob.extend({ top_logprobs: z.array(logprob) });

/** The token usage of a request; the prompt counts once for all answers. */
export const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count, audio_tokens: count }),
  completion_tokens_details: z.object({
    reasoning_tokens: count,
    audio_tokens: count,
    accepted_prediction_tokens: count,
    rejected_prediction_tokens: count,
  }),
});

export const chunkUsage = usage
  .nullable()
  .optional()
  .describe(
    "Only with `stream_options.include_usage`: null, except in the last chunk, whose `choices` is empty.",
  );

/** One event of a stream. */
export const toDataEvent = (json: string): string => `data: ${json}\n\n`;

/** The end of every successful stream. */
export const doneEvent = toDataEvent("[DONE]");

/** The end of a stream that fails; no `[DONE]` follows. */
export const toErrorEvent = (error: MeshError): string => toDataEvent(toErrorBody(error));

/** What all choices and chunks of a completion share. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** As the caller named it. */
  readonly model: string;
}

/**
 * OpenAI's form of a fingerprint: equal for engines that continue each other's answers exactly; null when the engine
 * reports none.
 */
export function toFingerprint(fingerprint: string): string | null {
  if (fingerprint === "") return null;
  let short = fingerprints.get(fingerprint);
  if (short === undefined) {
    short = `fp_${hash("sha256", fingerprint, "hex").slice(0, 10)}`;
    if (fingerprints.size >= maxFingerprints) fingerprints.clear();
    fingerprints.set(fingerprint, short);
  }
  return short;
}

/** Cached hashes: a mesh has few fingerprints, and every answer needs one. */
const fingerprints = new Map<string, string>();
const maxFingerprints = 256;

/**
 * The fingerprint at the end of an answer: the first engine's, unless another continued inexactly from its text, so
 * that the seed did not determine all of it.
 */
export const lastFingerprint = ({ continuations }: Finished, first: string): string =>
  continuations.findLast(({ exact }) => !exact)?.fingerprint ?? first;

export function toFinishReason(
  reason: FinishReason,
  legacyFunctions: boolean,
): Described<typeof finishReason> {
  switch (reason) {
    case FinishReason.LENGTH:
      return "length";
    case FinishReason.TOOL_CALLS:
      return legacyFunctions ? "function_call" : "tool_calls";
    case FinishReason.CONTENT_FILTER:
      return "content_filter";
    default:
      return "stop";
  }
}

/** The usage of a request: each prompt once, and the completions of all of its `choices` answers. */
export function toUsage(
  usages: readonly (Usage | undefined)[],
  choices = usages.length,
): Described<typeof usage> {
  const prompts = usages.filter((_, index) => index % choices === 0);
  const promptTokens = sum(prompts, "promptTokens");
  const completionTokens = sum(usages, "completionTokens");
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum(prompts, "cachedTokens"), audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: sum(usages, "reasoningTokens"),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

type TokenCounts = "promptTokens" | "cachedTokens" | "completionTokens" | "reasoningTokens";

const sum = (usages: readonly (Usage | undefined)[], name: TokenCounts): number =>
  usages.reduce((total, usage) => total + (usage?.[name] ?? 0), 0);

export const toTokenLogprob = ({ token, top }: TokenLogprob): Described<typeof tokenLogprob> => ({
  ...toLogprob(token),
  top_logprobs: top.map(toLogprob),
});

/** A log probability without alternatives. */
export function toLogprob(choice: TokenChoice | undefined) {
  const { text = "", bytes, logprob = lowestLogprob } = choice ?? {};
  return {
    token: text,
    logprob: Math.max(logprob, lowestLogprob),
    bytes: bytes === undefined ? null : Array.from(bytes),
  };
}

/** Replaces minus infinity, which JSON cannot express; the same as in vLLM. */
const lowestLogprob = -9999;

/**
 * Escapes text for a JSON string, without the quotes. Most tokens need no escape, so testing first costs a quarter of
 * `JSON.stringify`. U+2028 and U+2029 are escaped because naive readers split lines there; lone surrogates are, so
 * that the output is valid UTF-8.
 */
export function escapeJson(text: string): string {
  if (!special.test(text)) return text;
  const quoted = JSON.stringify(text);
  return quoted.slice(1, -1).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must be escaped.
const special = /["\\\u0000-\u001f\u007f\u2028\u2029\ud800-\udfff]/;

/** A JSON string with the same escapes. */
export const quoteJson = (text: string): string => `"${escapeJson(text)}"`;

/** Whether the text is as long in UTF-8 bytes as in UTF-16 units. */
export const isAscii = (text: string): boolean => !beyondAscii.test(text);

const beyondAscii = /[\u0080-\uffff]/;
