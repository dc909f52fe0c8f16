import { hash } from "node:crypto";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  type Finished,
  FinishReason,
  type TokenChoice,
  type TokenLogprob,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toErrorBody } from "../errors/envelope.ts";
import type { Described, finishReason, tokenLogprob, usage } from "./schema.ts";

// Parts of OpenAI's answers that objects and streams share.

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

/** All answers have the same tier, whatever was requested. */
export const serviceTier = "default" as const;

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

/** OpenAI's finish reason. */
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

/** The usage of a request: the prompt once, the completions of all answers. */
export function toUsage(usages: readonly (Usage | undefined)[]): Described<typeof usage> {
  const sum = (count: (usage: Usage) => number) =>
    usages.reduce((total, usage) => total + (usage === undefined ? 0 : count(usage)), 0);
  const promptTokens = usages[0]?.promptTokens ?? 0;
  const completionTokens = sum((usage) => usage.completionTokens);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: usages[0]?.cachedTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: sum((usage) => usage.reasoningTokens),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** The log probability of a token, and those of others in its place. */
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
