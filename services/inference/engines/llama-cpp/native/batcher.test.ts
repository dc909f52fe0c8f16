import { describe, expect, test } from "vitest";
import type { AddonContext } from "./addon.ts";
import { type BatchRule, even, flash, free } from "./batch-rules.ts";
import { Batcher } from "./batcher.ts";

/** A context that notes what it is asked to do; `decode` stands in for the computation. */
function setUp(rule: BatchRule, decode: () => Promise<void> = async () => {}, batchTokens = 512) {
  const calls: unknown[] = [];
  let length = 0;
  const context = {
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
      await decode();
    },
    removeTokenCellsFromSequence(sequence: number, from: number, to: number) {
      calls.push(["forget", sequence, from, to]);
      return true;
    },
  };
  return { calls, batcher: new Batcher(context as unknown as AddonContext, { batchTokens, rule }) };
}

const tokens = (...ids: number[]) => Uint32Array.from(ids);
const place = (at: number) => at;

describe.each([even, free])("$name pieces", (rule) => {
  test("sequences are computed in order, and logits are found where they are", async () => {
    const { calls, batcher } = setUp(rule);
    const places = await Promise.all([
      batcher.compute(3, 10, tokens(5, 6)),
      batcher.compute(2, 7, tokens(1, 2), place),
      batcher.compute(1, 0, tokens(8, 9), place),
    ]);
    // Where there is padding it is an output, too, but none is needed here.
    expect(calls).toEqual([
      ["init", 6],
      ["add", 1, 0, [8, 9], [1]],
      ["add", 2, 7, [1, 2], [1]],
      ["add", 3, 10, [5, 6], []],
      "decode",
    ]);
    expect(places).toEqual([undefined, 3, 1]);
  });

  test("whoever goes on behind a token is in the next batch with all others", async () => {
    const { calls, batcher } = setUp(rule);
    const answer = async (sequence: number) => {
      for (let position = 0; position < 6; position += 2)
        await batcher.compute(sequence, position, tokens(1, 2), place);
    };
    await Promise.all([answer(0), answer(1), answer(2)]);
    expect(calls.filter((call) => call === "decode")).toHaveLength(3);
  });

  test("a long prompt is spread over batches, and leaves the others their tokens in each", async () => {
    const { calls, batcher } = setUp(rule, undefined, 8);
    const order: string[] = [];
    const prompt = batcher.compute(
      0,
      0,
      Uint32Array.from({ length: 14 }, (_, id) => id),
      place,
    );
    const answer = async () => {
      for (let position = 0; position < 4; position += 2) {
        await batcher.compute(1, position, tokens(7, 7), place);
        order.push("token");
      }
    };
    await Promise.all([prompt.then(() => order.push("prompt")), answer()]);
    expect(order).toEqual(["token", "token", "prompt"]);
    expect(calls.filter((call) => Array.isArray(call) && call[0] === "add" && call[1] === 0)).toEqual([
      ["add", 0, 0, [0, 1, 2, 3, 4, 5], []],
      ["add", 0, 6, [6, 7, 8, 9, 10, 11], []],
      ["add", 0, 12, [12, 13], [1]],
    ]);
  });
});

test("an odd number of tokens is made even by one that is forgotten afterwards", async () => {
  const { calls, batcher } = setUp(even);
  const [step] = await Promise.all([
    batcher.compute(2, 7, tokens(4), place),
    batcher.compute(0, 0, tokens(1, 2, 3)),
  ]);
  expect(calls).toEqual([
    ["init", 6],
    ["add", 0, 0, [1, 2, 3, 3], []],
    ["add", 2, 7, [4, 4], [0, 1]],
    "decode",
    ["forget", 0, 3, 4],
    ["forget", 2, 8, 9],
  ]);
  expect(step).toBe(4);
});

test("a computation that fails fails all of its batch and nothing else, and its padding is forgotten", async () => {
  const faults = [new Error("native fault")];
  const { calls, batcher } = setUp(even, async () => {
    const fault = faults.pop();
    if (fault) throw fault;
  });
  const both = await Promise.allSettled([
    batcher.compute(0, 3, tokens(4), place),
    batcher.compute(1, 0, tokens(1, 2)),
  ]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(calls.at(-1)).toEqual(["forget", 0, 4, 5]);
  expect(await batcher.compute(0, 3, tokens(4), place)).toBe(0);
});

test("a token that cannot be drawn fails its own sequence only", async () => {
  const { batcher } = setUp(free);
  const [failed, drawn] = await Promise.allSettled([
    batcher.compute(0, 0, tokens(1), () => Promise.reject(new Error("no token"))),
    batcher.compute(1, 0, tokens(1), place),
  ]);
  expect(failed).toMatchObject({ status: "rejected", reason: { message: "no token" } });
  expect(drawn).toEqual({ status: "fulfilled", value: 1 });
});

test("free pieces are not padded", async () => {
  const { calls, batcher } = setUp(free);
  await batcher.compute(0, 3, tokens(4), place);
  expect(calls).toEqual([["init", 1], ["add", 0, 3, [4], [0]], "decode"]);
});

describe("what a context holds changes only while nothing is computed or drawn", () => {
  test("at once where nothing is", async () => {
    const { batcher } = setUp(free);
    let changed = false;
    const change = batcher.change(() => {
      changed = true;
    });
    expect(changed).toBe(true);
    await change;
  });

  test.each(["the computation", "the drawing"])("behind %s, and before the next batch", async (what) => {
    const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hold = async () => {
      begun.resolve();
      await held.promise;
    };
    const { calls, batcher } = setUp(free, what === "the computation" ? hold : undefined);
    const first = batcher.compute<unknown>(0, 0, tokens(1), what === "the drawing" ? hold : place);
    await begun.promise;
    const second = batcher.compute(1, 0, tokens(2), place);
    const change = batcher.change(() => calls.push("change"));
    const failing = batcher.change(() => {
      throw new Error("cannot be forgotten");
    });
    expect(calls).not.toContain("change");
    held.resolve();
    await expect(failing).rejects.toThrow("cannot be forgotten");
    await Promise.all([first, second, change]);
    expect(calls).toEqual([
      ["init", 1],
      ["add", 0, 0, [1], [0]],
      "decode",
      "change",
      ["init", 1],
      ["add", 1, 0, [2], [0]],
      "decode",
    ]);
  });
});

test("a piece has no more tokens than its rule allows, whatever room there is", async () => {
  const { calls, batcher } = setUp({ ...flash, pieceTokens: 3 });
  await batcher.compute(0, 0, tokens(1, 2, 3, 4));
  expect(calls.filter((call) => Array.isArray(call) && call[0] === "add")).toEqual([
    ["add", 0, 0, [1, 2, 3], []],
    ["add", 0, 3, [4], []],
  ]);
});
