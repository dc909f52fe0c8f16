import type { Sampling } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** The sampling that OpenAI's protocol, as servers extend it, and Ollama's options share. */
export const toCommonSampling = (sampling: Sampling) => ({
  temperature: sampling.temperature,
  top_p: sampling.topP,
  top_k: sampling.topK,
  min_p: sampling.minP,
  frequency_penalty: sampling.frequencyPenalty,
  presence_penalty: sampling.presencePenalty,
  repeat_penalty: sampling.repetitionPenalty,
  seed: sampling.seed === undefined ? undefined : foldSeed(sampling.seed),
});

/** Folds a seed into [0, 2³¹), which every upstream accepts: the largest ones of llama.cpp mean "choose one". */
export function foldSeed(seed: bigint): number {
  if (seed >= 0n && seed < 2n ** 31n) return Number(seed);
  return Number(BigInt.asUintN(64, seed * goldenRatio) >> 33n);
}

/** 2⁶⁴ divided by the golden ratio: spreads adjacent seeds. */
const goldenRatio = 0x9e37_79b9_7f4a_7c15n;
