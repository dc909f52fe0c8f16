import { expect, test } from "vitest";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { createHealthCheck } from "./stall-detector.ts";

const { signal } = new AbortController();

test("all who ask at the same time share one question, and its answer for a while", async () => {
  const clock = new FakeClock();
  let asked = 0;
  const isAlive = createHealthCheck(async () => ++asked > 0, clock, signal);
  expect(await Promise.all([isAlive(), isAlive(), isAlive()])).toEqual([true, true, true]);
  expect([await isAlive(), asked]).toEqual([true, 1]);
  await clock.advance(300);
  expect([await isAlive(), asked]).toEqual([true, 2]);
});

test("a question that fails is a no, and is asked anew at once", async () => {
  let asked = 0;
  const isAlive = createHealthCheck(
    async () => {
      if (++asked === 1) throw new Error("gone");
      return true;
    },
    new FakeClock(),
    signal,
  );
  expect([await isAlive(), await isAlive()]).toEqual([false, true]);
});

test("a server that does not answer in time is given up", async () => {
  const clock = new FakeClock();
  const isAlive = createHealthCheck(
    (scope) => new Promise((_, reject) => scope.addEventListener("abort", () => reject(scope.reason))),
    clock,
    signal,
  );
  const answer = isAlive();
  await clock.advance(800);
  expect(await answer).toBe(false);
  expect(clock.pending).toBe(0);
});
