import { expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { RetryBudget } from "./retry-budget.ts";

const spend = (budget: RetryBudget) => {
  let spent = 0;
  while (budget.withdraw()) spent += 1;
  return spent;
};

test("allows ten retries a second over ten seconds when nothing else happens", async () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(clock);
  expect(spend(budget)).toBe(100);
  await clock.advance(9000);
  expect(spend(budget)).toBe(0);
  await clock.advance(1000);
  expect(spend(budget)).toBe(100);
});

test("allows one retry more for every five generations of the last ten seconds", async () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(clock);
  for (let index = 0; index < 500; index++) budget.deposit();
  await clock.advance(5000);
  expect(spend(budget)).toBe(200);
  await clock.advance(5000);
  expect(budget.remaining).toBe(-100);
  await clock.advance(60_000);
  expect(budget.remaining).toBe(100);
});
