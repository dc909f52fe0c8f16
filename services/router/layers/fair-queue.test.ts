import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

const drain = (queue: FairQueue<string>) => Array.from({ length: queue.size }, () => queue.take());

test("serves callers in turn, each in its own order", () => {
  const queue = new FairQueue<string>();
  for (const value of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(value.charAt(0), value);
  expect(drain(queue)).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
});

test("puts a caller that comes later behind those who wait, not behind all that they wait for", () => {
  const queue = new FairQueue<string>();
  for (let index = 0; index < 100; index++) queue.push("flood", `f${index}`);
  queue.push("late", "l");
  expect(queue.take()).toBe("f0");
  expect(queue.take()).toBe("l");
});

test("forgets who leaves, wherever it stands", () => {
  const queue = new FairQueue<string>();
  for (const value of ["a1", "a2", "b1"]) queue.push(value.charAt(0), value);
  expect(queue.remove("a", "a1")).toBe(true);
  expect(queue.remove("a", "a1")).toBe(false);
  expect(queue.remove("b", "b1")).toBe(true);
  expect(queue.size).toBe(1);
  expect(queue.peek()).toBe("a2");
  expect(drain(queue)).toEqual(["a2"]);
  expect(queue.take()).toBeUndefined();
});

test("knows to within one round how many a newcomer would wait for, and never too few", () => {
  const callers = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 });
  fc.assert(
    fc.property(callers, fc.constantFrom("a", "b", "z"), (waiting, newcomer) => {
      const queue = new FairQueue<string>();
      for (const [index, caller] of waiting.entries()) queue.push(caller, `${index}`);
      const ahead = queue.aheadOf(newcomer);
      queue.push(newcomer, "new");
      const served = drain(queue).indexOf("new");
      // Lines that are served later in the same round may still be counted.
      expect(served).toBeLessThanOrEqual(ahead);
      expect(served).toBeGreaterThanOrEqual(ahead - new Set(waiting).size);
    }),
  );
});
