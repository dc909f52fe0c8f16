import { expect, test } from "vitest";
import { RecentOutcomes } from "./recent-outcomes.ts";

test("counts the last ten seconds where much happens", () => {
  const outcomes = new RecentOutcomes();
  for (let now = 0; now < 30_000; now += 100) outcomes.add(now < 15_000, now);
  const { total, failed } = outcomes.read(30_000);
  expect(total).toBeGreaterThanOrEqual(80);
  expect(total).toBeLessThanOrEqual(100);
  expect(failed).toBe(0);
});

test("counts up to a minute where little happens", () => {
  const outcomes = new RecentOutcomes();
  for (let now = 0; now < 60_000; now += 6000) outcomes.add(now % 12_000 === 0, now);
  expect(outcomes.read(56_000)).toEqual({ total: 10, failed: 5 });
  expect(outcomes.read(90_000).total).toBeLessThan(6);
  expect(outcomes.read(1_000_000)).toEqual({ total: 0, failed: 0 });
});

test("forgets all when it is cleared", () => {
  const outcomes = new RecentOutcomes();
  outcomes.add(true, 500);
  outcomes.clear();
  expect(outcomes.read(500)).toEqual({ total: 0, failed: 0 });
});
