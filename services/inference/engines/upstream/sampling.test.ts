import fc from "fast-check";
import { expect, test } from "vitest";
import { foldSeed } from "./sampling.ts";

test("a seed of 31 bits stays as it is", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      expect(foldSeed(BigInt(seed))).toBe(seed);
    }),
  );
});

test("any seed becomes one of 31 bits, and neighbours become different ones", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 2n }), (seed) => {
      const folded = foldSeed(seed);
      expect(Number.isInteger(folded) && folded >= 0 && folded < 2 ** 31).toBe(true);
      expect(foldSeed(seed + 1n)).not.toBe(folded);
    }),
  );
});
