import type {
  Generation,
  LogprobsRequest,
  Sampling,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { foldSeed } from "../../upstream/seed.ts";
import type { JsonObject } from "./json.ts";

/**
 * How tokens are drawn. OpenAI's names, and the vendors' for the rest: `top_k` and `min_p` are called so by all;
 * vLLM, SGLang and TGI read `repetition_penalty`, llama-server and LM Studio `repeat_penalty`.
 */
export function toSampling(sampling: Sampling | undefined): JsonObject {
  if (sampling === undefined) return {};
  const { topK, seed, logitBias, repetitionPenalty } = sampling;
  return {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    // -1 switches it off everywhere; 0 is refused by older vLLM and SGLang.
    top_k: topK === 0 ? -1 : topK,
    min_p: sampling.minP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repetition_penalty: repetitionPenalty,
    repeat_penalty: repetitionPenalty,
    seed: seed === undefined ? undefined : foldSeed(seed),
    logit_bias: Object.keys(logitBias).length === 0 ? undefined : logitBias,
  };
}

/**
 * The members that ask a chat for log probabilities. At least one alternative is asked for, because llama-server
 * gives nothing at all for 0.
 */
export const toChatLogprobs = (logprobs: LogprobsRequest | undefined): JsonObject =>
  logprobs === undefined ? {} : { logprobs: true, top_logprobs: Math.max(1, logprobs.top) };

/** The same for a completion. */
export const toCompletionLogprobs = (logprobs: LogprobsRequest | undefined): JsonObject =>
  logprobs === undefined ? {} : { logprobs: Math.max(1, logprobs.top) };

/**
 * How much to think, as OpenAI says it and, for servers that hand them to the model's template, in the words of
 * the common templates; the generation's own words for the template come last. `kwargs` must be an object's. An answer
 * that is continued has its reasoning behind it: llama-server refuses to continue one while reasoning is allowed, and in
 * SGLang's prompt it would stand open in front of it.
 */
export function toThinking({ reasoning }: Generation, kwargs: JsonObject, isBegun: boolean): JsonObject {
  if (isBegun) return { chat_template_kwargs: { ...kwargs, enable_thinking: false, thinking: false } };
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
