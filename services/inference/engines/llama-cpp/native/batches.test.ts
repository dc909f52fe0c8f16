import type { LlamaContext } from "node-llama-cpp";
import { describe, expect, test } from "vitest";
import { arrangeBatches, gainsFromEven } from "./batches.ts";

/** A context that notes what it is told; methods on the prototype, read-only, as the addon has them. */
function setUp(even: boolean, fails = false) {
  const calls: unknown[] = [];
  let length = 0;
  const methods = {
    initBatch(size: number) {
      calls.push(["init", size]);
      length = 0;
    },
    addToBatch(sequence: number, first: number, tokens: Uint32Array, outputs: Uint32Array) {
      calls.push(["add", sequence, first, [...tokens], [...outputs]]);
      length += tokens.length;
      return outputs.map((output) => length - tokens.length + output);
    },
    async decodeBatch() {
      calls.push("decode");
      if (fails) throw new Error("native fault");
    },
    removeTokenCellsFromSequence(sequence: number, from: number, to: number) {
      calls.push(["forget", sequence, from, to]);
      return true;
    },
  };
  const native = Object.create(Object.freeze(methods)) as typeof methods;
  const context = { _ctx: native, _batchSize: 520, totalSequences: 8 };
  arrangeBatches(context as unknown as LlamaContext, even);
  return { calls, native, context };
}

const tokens = (...ids: number[]) => Uint32Array.from(ids);

describe.each([true, false])("even: %s", (even) => {
  test("sequences are computed in order, and logits are found where they are", async () => {
    const { calls, native } = setUp(even);
    native.initBatch(4);
    const ofThird = native.addToBatch(3, 10, tokens(5, 6), tokens());
    const ofSecond = native.addToBatch(2, 7, tokens(1, 2), tokens(1));
    const ofFirst = native.addToBatch(1, 0, tokens(8, 9), tokens(0));
    await native.decodeBatch();
    expect(calls).toEqual([
      ["init", 12],
      ["add", 1, 0, [8, 9], [0]],
      ["add", 2, 7, [1, 2], [1]],
      ["add", 3, 10, [5, 6], []],
      "decode",
    ]);
    expect([...ofFirst, ...ofSecond, ...ofThird]).toEqual([0, 3]);
  });

  test("the library leaves room for padding", () => {
    expect(setUp(even).context._batchSize).toBe(512);
  });
});

test("an odd number of tokens is made even by one that is forgotten afterwards", async () => {
  const { calls, native } = setUp(true);
  native.initBatch(4);
  const step = native.addToBatch(2, 7, tokens(4), tokens(0));
  native.addToBatch(0, 0, tokens(1, 2, 3), tokens());
  await native.decodeBatch();
  expect(calls.slice(1)).toEqual([
    ["add", 0, 0, [1, 2, 3, 3], []],
    ["add", 2, 7, [4, 4], [0, 1]],
    "decode",
    ["forget", 0, 3, 4],
    ["forget", 2, 8, 9],
  ]);
  expect([...step]).toEqual([4]);
});

test("what was padded is forgotten also when the computation fails", async () => {
  const { calls, native } = setUp(true, true);
  native.initBatch(1);
  native.addToBatch(0, 3, tokens(4), tokens(0));
  await expect(native.decodeBatch()).rejects.toThrow("native fault");
  expect(calls.at(-1)).toEqual(["forget", 0, 4, 5]);
});

test("without evenness nothing is padded", async () => {
  const { calls, native } = setUp(false);
  native.initBatch(1);
  native.addToBatch(0, 3, tokens(4), tokens(0));
  await native.decodeBatch();
  expect(calls.slice(1)).toEqual([["add", 0, 3, [4], [0]], "decode"]);
});

test("evenness is for weights of floats, not for quantized ones", () => {
  expect(gainsFromEven([0, 1, 1])).toBe(true);
  expect(gainsFromEven([0, 1, 8])).toBe(false);
});
