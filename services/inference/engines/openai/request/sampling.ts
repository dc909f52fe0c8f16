import type {
  Generation,
  LogprobsRequest,
  Sampling,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toCommonSampling } from "../../upstream/sampling.ts";
import type { JsonObject } from "./json.ts";

/**
 * Sampling, with vendors' names beside OpenAI's: all read `top_k` and `min_p`; vLLM, SGLang and TGI
 * `repetition_penalty`, llama-server and LM Studio `repeat_penalty`.
 */
export function toSampling(sampling: Sampling | undefined): JsonObject {
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

/** Log probabilities of a chat; at least one alternative, because llama-server sends nothing for 0. */
export const toChatLogprobs = (logprobs: LogprobsRequest | undefined): JsonObject =>
  logprobs === undefined ? {} : { logprobs: true, top_logprobs: Math.max(1, logprobs.top) };

/** The same for a completion. */
export const toCompletionLogprobs = (logprobs: LogprobsRequest | undefined): JsonObject =>
  logprobs === undefined ? {} : { logprobs: Math.max(1, logprobs.top) };

/**
 * Reasoning, for OpenAI and in the variables of common chat templates, which the caller's `kwargs` (an object)
 * override. A continued answer has its reasoning behind it: llama-server refuses to continue with reasoning, and
 * SGLang would leave it open.
 */
export function toThinking({ reasoning }: Generation, kwargs: JsonObject, isResumed: boolean): JsonObject {
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
