/**
 * A seed that every upstream takes, from one that may be any 64-bit number: what lies in [0, 2³¹) stays as it is, the
 * rest is folded into it. llama.cpp holds seeds in 32 bits and takes -1 for "choose one".
 */
export function foldSeed(seed: bigint): number {
  if (seed >= 0n && seed < 2n ** 31n) return Number(seed);
  const bits = BigInt.asUintN(64, seed);
  return Number(((bits >> 32n) ^ (bits * 0x9e3779b1n)) & 0x7fffffffn);
}
