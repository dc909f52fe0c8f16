import { describe, expect, test } from "vitest";
import type { AddonContext } from "./addon.ts";
import { free } from "./batch-rules.ts";
import { Batcher } from "./batcher.ts";
import { Sequence } from "./sequence.ts";

/** A sequence of a context that forgets as told: whether it can, and from which position on it still has cells. */
async function setUp({ forgets = true, from = 0 } = {}) {
  const calls: unknown[] = [];
  const context = {
    initBatch() {},
    addToBatch: (_sequence: number, first: number, tokens: Uint32Array, outputs: Uint32Array) => {
      calls.push(["compute", first, ...tokens]);
      return outputs;
    },
    async decodeBatch() {},
    getSequenceKvCacheMinPosition: () => from,
    removeTokenCellsFromSequence: (_sequence: number, start: number, end: number) => {
      calls.push(["forget", start, end]);
      return forgets;
    },
    disposeSequence: () => calls.push("forget all"),
  } as unknown as AddonContext;
  const sequence = new Sequence(0, context, new Batcher(context, { batchTokens: 512, rule: free }));
  await sequence.compute([1, 2, 3, 4]);
  calls.length = 0;
  return { sequence, calls };
}

test("tokens are computed behind those that it holds", async () => {
  const { sequence, calls } = await setUp();
  expect(await sequence.evaluate([5, 6], (place) => place)).toBe(1);
  await sequence.compute([7]);
  expect(calls).toEqual([
    ["compute", 4, 5, 6],
    ["compute", 6, 7],
  ]);
  expect(sequence.length).toBe(7);
});

test.each([
  { tokens: [1, 2, 3, 4, 5], shared: 4 },
  { tokens: [1, 2, 9], shared: 2 },
  { tokens: [1, 2], shared: 2 },
  { tokens: [], shared: 0 },
])("of 1, 2, 3, 4 it shares $shared with $tokens", async ({ tokens, shared }) => {
  const { sequence } = await setUp();
  expect(sequence.sharedLength(tokens)).toBe(shared);
});

describe("what differs is forgotten", () => {
  test.each([
    { name: "its end alone", tokens: [1, 2, 9], given: {}, calls: [["forget", 2, 4]], left: 2 },
    { name: "nothing where nothing differs", tokens: [1, 2, 3, 4, 5], given: {}, calls: [], left: 4 },
    { name: "all of it where nothing is shared", tokens: [9], given: {}, calls: ["forget all"], left: 0 },
    {
      name: "all of it where the model cannot forget a part",
      tokens: [1, 2, 9],
      given: { forgets: false },
      calls: [["forget", 2, 4], "forget all"],
      left: 0,
    },
    {
      name: "all of it where what would come before is gone behind a window",
      tokens: [1, 2, 9],
      given: { from: 2 },
      calls: ["forget all"],
      left: 0,
    },
  ])("$name", async ({ tokens, given, calls: expected, left }) => {
    const { sequence, calls } = await setUp(given);
    await sequence.keep(tokens);
    expect(calls).toEqual(expected);
    expect(sequence.length).toBe(left);
  });
});

test("a computation that fails counts for nothing, and clearing forgets what it left", async () => {
  const { sequence, calls } = await setUp();
  await expect(sequence.evaluate([5], () => Promise.reject(new Error("no token")))).rejects.toThrow();
  expect(sequence.length).toBe(4);
  await sequence.clear();
  expect(calls.at(-1)).toBe("forget all");
  expect(sequence.length).toBe(0);
});
