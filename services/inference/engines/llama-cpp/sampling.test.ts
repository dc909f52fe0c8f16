import { expect, test } from "vitest";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import { toGeneration } from "../../../../test/support/inference/llama-cpp/engines.ts";
import { mixSeed, toSeed, toTokenRule } from "./sampling.ts";

const ruleOf = (init: GenerationInit, banned: readonly number[] = []) =>
  toTokenRule(toGeneration(init), 100, banned);

test("defaults are a temperature of 0.7 and hardly any truncation", () => {
  const { temperature, topK, topP, minP } = toTokenRule(
    { ...toGeneration({}), sampling: undefined } as never,
    100,
    [],
  ).at([]);
  expect({ temperature, topK, topP, minP }).toEqual({ temperature: 0.7, topK: 0, topP: 1, minP: 0.05 });
});

test("the same tokens are drawn after in the same way, others are not", () => {
  const init = { id: "one", sampling: { seed: 5n } };
  expect(ruleOf(init).at([1, 2])).toEqual(ruleOf(init).at([3, 4]));
  expect(ruleOf(init).at([1]).seed).not.toBe(ruleOf(init).at([1, 2]).seed);
  expect(ruleOf({ ...init, sampling: { seed: 6n } }).at([1]).seed).not.toBe(ruleOf(init).at([1]).seed);
});

test("without a seed the generation's id is one", () => {
  expect(ruleOf({ id: "one" }).at([])).toEqual(ruleOf({ id: "one" }).at([]));
  expect(ruleOf({ id: "one" }).at([])).not.toEqual(ruleOf({ id: "two" }).at([]));
});

test("seeds of 64 bits, negative ones too, become different seeds of 32 bits", () => {
  const seeds = [0n, 1n, -1n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 63n - 1n, -(2n ** 63n)].map(toSeed);
  expect(new Set(seeds).size).toBe(seeds.length);
  for (const seed of seeds)
    expect(seed).toSatisfy((value: number) => Number.isInteger(value) && value >= 0 && value < 2 ** 32);
});

test("neighbouring positions have different seeds", () => {
  const seeds = Array.from({ length: 1000 }, (_, position) => mixSeed(7, position));
  expect(new Set(seeds).size).toBe(1000);
});

test("penalties count the answer's tokens", () => {
  const rule = ruleOf({ sampling: { frequencyPenalty: 1, repetitionPenalty: 1.1 } });
  expect(rule.at([4, 4, 5])).toMatchObject({
    repeatPenalty: 1.1,
    repeatPenaltyFrequencyPenalty: 1,
    repeatPenaltyPresencePenalty: 0,
    repeatPenaltyTokens: Uint32Array.of(4, 4, 5),
  });
  expect(ruleOf({}).at([4])).not.toHaveProperty("repeatPenaltyTokens");
});

test("banned tokens are banned whatever the caller's bias", () => {
  const { tokenBiasKeys, tokenBiasValues } = ruleOf({ sampling: { logitBias: { 3: 100, 4: -2 } } }, [3]).at(
    [],
  );
  expect([...tokenBiasKeys!]).toEqual([3, 4]);
  expect([...tokenBiasValues!]).toEqual([Number.NEGATIVE_INFINITY, -2]);
});

test.each<{ sampling: NonNullable<GenerationInit["sampling"]>; param: string; code?: string }>([
  { sampling: { temperature: 2.1 }, param: "temperature" },
  { sampling: { temperature: Number.NaN }, param: "temperature" },
  { sampling: { topP: -0.1 }, param: "top_p" },
  { sampling: { minP: 2 }, param: "min_p" },
  { sampling: { frequencyPenalty: 3 }, param: "frequency_penalty" },
  { sampling: { presencePenalty: -3 }, param: "presence_penalty" },
  { sampling: { repetitionPenalty: 0 }, param: "repetition_penalty" },
  { sampling: { logitBias: { 100: 1 } }, param: "logit_bias", code: "invalid_value" },
  { sampling: { logitBias: { 1: 101 } }, param: "logit_bias" },
])("$sampling is refused", ({ sampling, ...fault }) => {
  expect(() => ruleOf({ sampling })).toThrow(expect.objectContaining({ kind: "invalid_request", ...fault }));
});

test("tokens that do not fit are banned for one draw, beside the caller's bias", () => {
  const rule = ruleOf({ sampling: { logitBias: { 3: 100, 4: -2 } } }, [5]);
  const { tokenBiasKeys, tokenBiasValues } = rule.at([], [4, 6]);
  expect([...tokenBiasKeys!]).toEqual([3, 4, 5, 4, 6]);
  const never = Number.NEGATIVE_INFINITY;
  expect([...tokenBiasValues!]).toEqual([100, -2, never, never, never]);
  expect([...rule.at([]).tokenBiasKeys!]).toEqual([3, 4, 5]);
});
