import { describe, expect, test } from "vitest";
import type { Sequence } from "./sequence.ts";
import { SequencePool } from "./sequence-pool.ts";

/** A sequence that holds these tokens. */
function sequenceOf(...held: number[]): Sequence & { cleared: boolean } {
  const sequence = {
    cleared: false,
    sharedLength: (tokens: readonly number[]) => {
      const different = held.findIndex((token, index) => token !== tokens[index]);
      return different < 0 ? held.length : different;
    },
    clear: async () => {
      sequence.cleared = true;
    },
  };
  return sequence as unknown as Sequence & { cleared: boolean };
}

test("a generation gets the free sequence that shares the longest beginning", () => {
  const [short, long, other] = [sequenceOf(1, 2), sequenceOf(1, 2, 3), sequenceOf(7, 8, 9, 10)];
  const pool = new SequencePool([short, long, other]);
  const first = pool.take([1, 2, 3, 4], "");
  expect(first.sequence).toBe(long);
  expect(pool.take([1, 2, 3, 4], "").sequence).toBe(short);
  first.release();
  expect(pool.take([1, 2, 3, 4], "").sequence).toBe(long);
});

test("of equal ones the one that rested longest", () => {
  const pool = new SequencePool([sequenceOf(), sequenceOf(), sequenceOf()]);
  const order = [1, 2, 3].map(() => {
    const held = pool.take([1], "");
    held.release();
    return held.sequence;
  });
  expect(new Set(order).size).toBe(3);
});

test("more than there are is refused, and a sequence can be given back only once", () => {
  const pool = new SequencePool([sequenceOf()]);
  const held = pool.take([1], "");
  expect(() => pool.take([1], "")).toThrow(
    expect.objectContaining({ kind: "saturated", retryAfterMs: 1000 }),
  );
  held.release();
  const next = pool.take([1], "");
  held.release();
  expect(pool.free).toBe(0);
  next.release();
  expect(pool.free).toBe(1);
});

test("what is still going on is waited for by the next, who rather takes another", async () => {
  const [busy, idle] = [sequenceOf(1, 2, 3), sequenceOf()];
  const pool = new SequencePool([busy, idle]);
  const work = Promise.withResolvers<void>();
  pool.take([1, 2, 3], "").release(work.promise);
  expect(pool.take([1, 2, 3], "").sequence).toBe(idle);
  const waiting = pool.take([1, 2, 3], "");
  let settled = false;
  void waiting.settled.then(() => {
    settled = true;
  });
  await Promise.resolve();
  expect(settled).toBe(false);
  work.resolve();
  await waiting.settled;
  expect(waiting.sequence).toBe(busy);
  await pool.idle();
});

test.each(["work that fails", "a state that cannot be trusted"])(
  "%s costs all that the sequence holds",
  async (why) => {
    const sequence = sequenceOf(1, 2);
    const pool = new SequencePool([sequence]);
    const held = pool.take([1], "");
    if (why === "work that fails") held.release(Promise.reject(new Error("native fault")));
    else held.release(undefined, true);
    const next = pool.take([1], "");
    await next.settled;
    expect(sequence.cleared).toBe(true);
  },
);

describe("a prompt of another salt", () => {
  const [tokens, mine, others] = [[1, 2, 3], "mine", "another's"];

  test("never gets a sequence for what that holds, and finds it empty", async () => {
    const [busy, fresh] = [sequenceOf(...tokens), sequenceOf()];
    const pool = new SequencePool([busy, fresh]);
    const held = pool.take(tokens, "");
    expect(held.sequence).toBe(busy);
    held.release();
    expect(pool.take(tokens, mine).sequence).toBe(fresh);
    const forced = pool.take(tokens, others);
    expect(forced.sequence).toBe(busy);
    await forced.settled;
    expect(busy.cleared).toBe(true);
  });

  test("waits for the last holder's work before the sequence forgets", async () => {
    const sequence = sequenceOf(...tokens);
    const pool = new SequencePool([sequence]);
    const work = Promise.withResolvers<void>();
    pool.take(tokens, "").release(work.promise);
    const held = pool.take(tokens, mine);
    await Promise.resolve();
    expect(sequence.cleared).toBe(false);
    work.resolve();
    await held.settled;
    expect(sequence.cleared).toBe(true);
  });

  test("that is given up at once leaves the forgetting to the next", async () => {
    const sequence = sequenceOf(...tokens);
    const pool = new SequencePool([sequence]);
    pool.take(tokens, mine).release();
    await pool.take(tokens, mine).settled;
    expect(sequence.cleared).toBe(true);
  });

  test("that comes back keeps what it has", async () => {
    const [first, second] = [sequenceOf(...tokens), sequenceOf(...tokens)];
    const pool = new SequencePool([first, second]);
    const held = [pool.take(tokens, mine), pool.take(tokens, others)];
    for (const each of held) each.release();
    await pool.idle();
    for (const each of [first, second]) each.cleared = false;
    const again = pool.take(tokens, others);
    await again.settled;
    expect(again.sequence).toBe(held[1]!.sequence);
    expect(second.cleared).toBe(false);
  });
});
