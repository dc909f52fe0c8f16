/**
 * A seed that every upstream takes, from one that may be any 64-bit number: what lies in [0, 2³¹) stays as it is, the
 * rest is folded into it. llama.cpp holds seeds in 32 bits, of which the largest values mean "choose one".
 */
export function foldSeed(seed: bigint): number {
  if (seed >= 0n && seed < 2n ** 31n) return Number(seed);
  return Number(BigInt.asUintN(64, seed * goldenRatio) >> 33n);
}

/** 2⁶⁴ divided by the golden ratio: seeds beside each other come far apart. */
const goldenRatio = 0x9e37_79b9_7f4a_7c15n;
