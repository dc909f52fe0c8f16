import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

const drain = (queue: FairQueue<string>) => Array.from({ length: queue.size }, () => queue.take());

/** Under the caller that the value begins with. */
const push = (queue: FairQueue<string>, value: string) => queue.push(value.charAt(0), "", value);

test("serves callers in turn, each in its own order", () => {
  const queue = new FairQueue<string>();
  for (const value of ["a1", "a2", "a3", "b1", "c1", "c2"]) push(queue, value);
  expect(drain(queue)).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
});

test("puts a caller that comes later behind those who wait, not behind all that they wait for", () => {
  const queue = new FairQueue<string>();
  for (let index = 0; index < 100; index++) push(queue, `f${index}`);
  push(queue, "l");
  expect(queue.take()).toBe("f0");
  expect(queue.take()).toBe("l");
});

test("serves the users of a caller in turn within its line, so that more users get a caller no more turns", () => {
  const queue = new FairQueue<string>();
  for (const value of ["x1", "x2", "x3", "y1", "z1", "y2"]) queue.push("many", value.charAt(0), value);
  queue.push("one", "one", "o1");
  queue.push("one", "one", "o2");
  expect(drain(queue)).toEqual(["x1", "o1", "y1", "o2", "z1", "x2", "y2", "x3"]);
});

test("keeps a user's own order when that user comes back, and the place of a new user behind those of the round", () => {
  const queue = new FairQueue<string>();
  for (const value of ["x1", "x2", "x3"]) queue.push("c", "x", value);
  expect([queue.take(), queue.take()]).toEqual(["x1", "x2"]);
  queue.push("c", "x", "x4");
  expect(queue.aheadOf("c", "y")).toBe(1);
  queue.push("c", "y", "y1");
  expect(drain(queue)).toEqual(["x3", "y1", "x4"]);
});

test("lets others first when a caller has had its turn elsewhere", () => {
  const queue = new FairQueue<string>();
  for (const value of ["a1", "b1"]) push(queue, value);
  queue.toEnd("a");
  queue.toEnd("nobody");
  expect(queue.next).toBe("b");
  expect(drain(queue)).toEqual(["b1", "a1"]);
});

test("forgets who leaves, wherever it stands", () => {
  const queue = new FairQueue<string>();
  for (const value of ["a1", "a2", "b1"]) push(queue, value);
  expect(queue.remove("a", "a1")).toBe(true);
  expect(queue.remove("a", "a1")).toBe(false);
  expect(queue.remove("b", "b1")).toBe(true);
  expect(queue.size).toBe(1);
  expect(queue.peek()).toBe("a2");
  expect(drain(queue)).toEqual(["a2"]);
  expect(queue.take()).toBeUndefined();
});

test("knows to within one round how many a newcomer waits for, when those who wait push more until then", () => {
  const callers = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 });
  fc.assert(
    fc.property(callers, fc.constantFrom("a", "b", "z"), (waiting, newcomer) => {
      const queue = new FairQueue<string>();
      for (const [index, caller] of waiting.entries()) queue.push(caller, "", `${index}`);
      const ahead = queue.aheadOf(newcomer, "");
      queue.push(newcomer, "", "new");
      for (const caller of new Set(waiting))
        for (let index = 0; index < 50; index++) queue.push(caller, "", `${caller}${index}`);
      const served = drain(queue).indexOf("new");
      // Lines that are served later in the same round may still be counted.
      expect(served).toBeLessThanOrEqual(ahead);
      expect(served).toBeGreaterThanOrEqual(ahead - new Set(waiting).size);
    }),
  );
});
