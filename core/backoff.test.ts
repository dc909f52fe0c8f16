import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("waits double up to the limit, and begin anew after a success", () => {
  const backoff = new Backoff({ firstMs: 100, limitMs: 450, random: () => 0 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 400, 450]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test("each wait is shortened by up to half", () => {
  const backoff = new Backoff({ firstMs: 100, limitMs: 1000, random: () => 0.999 });
  expect(backoff.next()).toBeCloseTo(50, 0);
  expect(backoff.next()).toBeCloseTo(100, 0);
});
