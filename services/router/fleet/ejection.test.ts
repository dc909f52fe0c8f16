import { expect, test } from "vitest";
import { Ejection } from "./ejection.ts";

/** One that is ejected at 0, for 5 s. */
function ejected(): Ejection {
  const ejection = new Ejection();
  ejection.eject("failing", "failed several times in a row", 0);
  return ejection;
}
const pass = (ejection: Ejection, now: number): boolean =>
  ejection.beginTrial(now) && ejection.endTrial(true, now);

test("an endpoint is out for five seconds, then gets one generation at a time, and returns after three", () => {
  const ejection = ejected();
  expect(ejection.causeAt(4999)).toBe("failing");
  expect(ejection.beginTrial(4999)).toBe(false);
  expect(ejection.causeAt(5000)).toBeUndefined();
  for (let trial = 1; trial <= 3; trial++) {
    expect(ejection.beginTrial(5000)).toBe(true);
    expect(ejection.causeAt(5000)).toBe("failing");
    expect(ejection.beginTrial(5000)).toBe(false);
    expect(ejection.endTrial(true, 5000)).toBe(trial === 3);
    expect(ejection.causeAt(5000)).toBeUndefined();
  }
  expect(ejection.isOut).toBe(false);
});

test("each further ejection lasts twice as long, up to five minutes", () => {
  const ejection = ejected();
  const lengths: number[] = [];
  for (let now = 5000; lengths.length < 8; ) {
    expect(ejection.beginTrial(now)).toBe(true);
    ejection.endTrial(false, now);
    const since = now;
    while (ejection.causeAt(now) !== undefined) now += 1000;
    lengths.push(now - since);
  }
  expect(lengths.map((ms) => ms / 1000)).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
});

test("two passed trials do not outweigh a third that fails", () => {
  const ejection = ejected();
  pass(ejection, 5000);
  pass(ejection, 5000);
  ejection.beginTrial(5000);
  ejection.endTrial(false, 5000);
  expect(ejection.causeAt(14_999)).toBe("failing");
  pass(ejection, 15_000);
  expect(ejection.isOut).toBe(true);
});

test("a trial whose caller leaves shows nothing, and the next generation is the trial", () => {
  const ejection = ejected();
  ejection.beginTrial(5000);
  expect(ejection.endTrial(undefined, 5000)).toBe(false);
  expect(ejection.causeAt(5000)).toBeUndefined();
  expect(ejection.beginTrial(5000)).toBe(true);
});

test("a trial with a long answer keeps the next one away for ten seconds only", () => {
  const ejection = ejected();
  ejection.beginTrial(5000);
  expect(ejection.beginTrial(14_999)).toBe(false);
  expect(ejection.beginTrial(15_000)).toBe(true);
});

test("the next ejection is short again after the endpoint was healthy for longer than the last one took", () => {
  const soon = ejected();
  for (const now of [5000, 5000, 5000]) pass(soon, now);
  soon.eject("failing", "failed", 9000);
  expect(soon.causeAt(18_999)).toBe("failing");
  expect(soon.causeAt(19_000)).toBeUndefined();
  const later = ejected();
  for (const now of [5000, 5000, 5000]) pass(later, now);
  later.eject("failing", "failed", 60_000);
  expect(later.causeAt(65_000)).toBeUndefined();
});

test("says why, and what comes next", () => {
  const ejection = ejected();
  expect(ejection.describe(1000)).toBe("It failed several times in a row: it is ejected for 4000 ms more.");
  ejection.beginTrial(5000);
  expect(ejection.describe(5000)).toBe(
    "It failed several times in a row: it is being tried with one generation.",
  );
});
