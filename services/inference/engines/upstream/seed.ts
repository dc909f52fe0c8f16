/**
 * Folds a 64-bit seed into [0, 2³¹), which every upstream accepts; smaller ones stay. llama.cpp has 32-bit seeds, of
 * which the largest mean "choose one".
 */
export function foldSeed(seed: bigint): number {
  if (seed >= 0n && seed < 2n ** 31n) return Number(seed);
  return Number(BigInt.asUintN(64, seed * goldenRatio) >> 33n);
}

/** 2⁶⁴ divided by the golden ratio: spreads adjacent seeds. */
const goldenRatio = 0x9e37_79b9_7f4a_7c15n;
