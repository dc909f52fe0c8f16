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

// Parts of OpenAI's answers that their two forms, object and stream, have in common.

/** One message of a stream. */
export const toDataEvent = (json: string): string => `data: ${json}\n\n`;

/** How every stream that succeeds ends. */
export const doneEvent = toDataEvent("[DONE]");

/** How a stream ends that fails after its beginning; no `[DONE]` follows. */
export const toErrorEvent = (error: MeshError): string => toDataEvent(toErrorBody(error));

/** What all of one completion's choices and chunks share. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** As the caller named it. */
  readonly model: string;
}

/** Every answer is served alike, whatever tier was asked for. */
export const serviceTier = "default" as const;

/** Equal for engines that would continue each other's answers exactly; null when the engine does not say. */
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

/** Short forms of those that were seen lately: a mesh has a few, and every answer needs one. */
const fingerprints = new Map<string, string>();
const maxFingerprints = 256;

/**
 * The engine by which an answer ends: the one that began it, unless another went on from its text, so that a seed
 * did not decide all of it. OpenAI's fingerprint is there to show clients just that.
 */
export const lastFingerprint = ({ continuations }: Finished, first: string): string =>
  continuations.findLast(({ exact }) => !exact)?.fingerprint ?? first;

/** OpenAI's word for why an answer ended. */
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

/** The usage of a request: its prompt once, however many answers it has, and all of the answers. */
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

/** The log probability of one token by itself. */
export function toLogprob(choice: TokenChoice | undefined) {
  const { text = "", bytes, logprob = lowestLogprob } = choice ?? {};
  return {
    token: text,
    logprob: Math.max(logprob, lowestLogprob),
    bytes: bytes === undefined ? null : Array.from(bytes),
  };
}

/** In place of minus infinity, which JSON cannot express; vLLM uses the same. */
const lowestLogprob = -9999;
