import { expect, test } from "vitest";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { type Paced, Pacer } from "./pacer.ts";

function makePacer() {
  const clock = new FakeClock();
  const pacer = new Pacer(clock);
  const calls: string[] = [];
  const paced = (name: string, again?: (now: number) => number | undefined): Paced => ({
    dueAt: 0,
    onDue(now) {
      calls.push(`${name}@${now}`);
      const time = again?.(now);
      if (time !== undefined) pacer.schedule(this, time);
    },
  });
  return { clock, pacer, calls, paced };
}

test("each is called at its time, rounded up to a millisecond, with one timer for all", async () => {
  const { clock, pacer, calls, paced } = makePacer();
  pacer.schedule(paced("late"), 20);
  pacer.schedule(paced("early"), 4.2);
  pacer.schedule(paced("same"), 20);
  expect(clock.pending).toBe(1);
  await clock.advance(30);
  expect(calls).toEqual(["early@5", "late@20", "same@20"]);
  expect(clock.pending).toBe(0);
});

test("who is called may ask for the next time, and keeps its pace", async () => {
  const { clock, pacer, calls, paced } = makePacer();
  pacer.schedule(
    paced("beat", (now) => (now < 50 ? now + 20 : undefined)),
    20,
  );
  await clock.advance(1000);
  expect(calls).toEqual(["beat@20", "beat@40", "beat@60"]);
});

test("times beyond one round of the wheel are kept, not called early", async () => {
  const { clock, pacer, calls, paced } = makePacer();
  pacer.schedule(paced("a round later"), 5 + 512);
  pacer.schedule(paced("soon"), 5);
  pacer.schedule(paced("many rounds later"), 5000);
  await clock.advance(6000);
  expect(calls).toEqual(["soon@5", "a round later@517", "many rounds later@5000"]);
  expect(clock.pending).toBe(0);
});

test("a time that has passed means the next millisecond", async () => {
  const { clock, pacer, calls, paced } = makePacer();
  await clock.advance(100);
  pacer.schedule(paced("past"), 3);
  await clock.advance(10);
  expect(calls).toEqual(["past@101"]);
});

test("after a stall everybody is called once, those who ask again from then on too", async () => {
  const clock = new FakeClock();
  let stallMs = 0;
  const pacer = new Pacer({
    now: () => clock.now() + stallMs,
    wallTime: () => 0,
    after: (delayMs, callback) => clock.after(delayMs, callback),
    every: (periodMs, callback) => clock.every(periodMs, callback),
  });
  const calls: string[] = [];
  const paced = (name: string): Paced => ({ dueAt: 0, onDue: (now) => calls.push(`${name}@${now}`) });
  for (const time of [1, 300, 511, 700]) pacer.schedule(paced(`${time}`), time);
  stallMs = 10_000;
  await clock.advance(1);
  expect(calls.toSorted()).toEqual(["1@10001", "300@10001", "511@10001", "700@10001"].toSorted());
  pacer.schedule(paced("after"), 10_020);
  await clock.advance(30);
  expect(calls.at(-1)).toBe("after@10020");
});

test("a closed one calls nobody", async () => {
  const { clock, pacer, calls, paced } = makePacer();
  pacer.schedule(paced("a"), 5);
  pacer.close();
  pacer.schedule(paced("b"), 6);
  await clock.advance(20);
  expect(calls).toEqual([]);
});
