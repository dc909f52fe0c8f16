import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { Outbox } from "./outbox.ts";

/** An outbox of numbers: each frame has what was put in since the last one. */
function numbers(gapMs?: () => number) {
  const clock = new FakeClock();
  let collected: number[] = [];
  const outbox = new Outbox<number[]>({
    clock,
    take: () => {
      const frame = collected;
      collected = [];
      return frame;
    },
    ...(gapMs === undefined ? {} : { gapMs }),
  });
  const put = (value: number) => {
    collected.push(value);
    outbox.mark();
  };
  return { clock, outbox, put };
}

test("what one turn of the event loop collects is one frame", async () => {
  const { outbox, put } = numbers();
  const frame = outbox.next();
  put(1);
  queueMicrotask(() => put(2));
  expect(await frame).toEqual({ value: [1, 2], done: false });
});

test("nothing is given out before it is asked for, and then all of it", async () => {
  const { outbox, put } = numbers();
  put(1);
  await new Promise(setImmediate);
  put(2);
  expect((await outbox.next()).value).toEqual([1, 2]);
});

test("a frame keeps the next one waiting for the gap; the first waits for nobody", async () => {
  const { clock, outbox, put } = numbers(() => 4);
  put(1);
  expect((await outbox.next()).value).toEqual([1]);
  let second: unknown;
  void outbox.next().then(({ value }) => {
    second = value;
  });
  put(2);
  await clock.advance(3);
  expect(second).toBeUndefined();
  put(3);
  await clock.advance(1);
  expect(second).toEqual([2, 3]);
});

test("after a silence longer than the gap a frame leaves in its turn", async () => {
  const { clock, outbox, put } = numbers(() => 4);
  put(1);
  await outbox.next();
  await clock.advance(100);
  const frame = outbox.next();
  put(2);
  expect((await frame).value).toEqual([2]);
  expect(clock.pending).toBe(0);
});

test("closing ends a frame that waits for its gap, and lets go of the clock", async () => {
  const { clock, outbox, put } = numbers(() => 4);
  put(1);
  await outbox.next();
  const frame = outbox.next();
  put(2);
  outbox.close();
  expect(await frame).toEqual({ value: undefined, done: true });
  expect(clock.pending).toBe(0);
});

test("ending gives out what has been collected, whether the reader waits, is late or has a gap to wait for", async () => {
  for (const gapMs of [undefined, () => 4]) {
    const { clock, outbox, put } = numbers(gapMs);
    put(1);
    await outbox.next();
    const waiting = outbox.next();
    put(2);
    outbox.end();
    await clock.advance(4);
    expect(await waiting).toEqual({ value: [2], done: false });
    expect(await outbox.next()).toEqual({ value: undefined, done: true });
    expect(clock.pending).toBe(0);
  }
  const late = numbers();
  late.put(1);
  late.outbox.end();
  expect(await late.outbox.next()).toEqual({ value: [1], done: false });
  expect((await late.outbox.next()).done).toBe(true);
  const idle = numbers();
  const nothing = idle.outbox.next();
  idle.outbox.end();
  expect((await nothing).done).toBe(true);
});

test("the reader gets what taking a frame throws", async () => {
  const outbox = new Outbox<never>({
    clock: new FakeClock(),
    take: () => {
      throw new Error("no encoding");
    },
  });
  const frame = outbox.next();
  outbox.mark();
  await expect(frame).rejects.toThrow("no encoding");
});
