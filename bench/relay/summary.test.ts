import { expect, test } from "vitest";
import { ratio, show, spread } from "./summary.ts";

test.each([
  { values: [3], summary: { median: 3, min: 3, max: 3 } },
  { values: [9, 1, 2], summary: { median: 2, min: 1, max: 9 } },
  { values: [4, 1, 2, 10], summary: { median: 3, min: 1, max: 10 } },
])("$values is summarized as its middle and its ends", ({ values, summary }) => {
  expect(spread(values)).toEqual(summary);
});

test("costs are compared round by round, so that a disturbed round disturbs no ratio", () => {
  const ours = [10, 20, 40].map((cost, round) => ({ round, cost }));
  const theirs = [5, 10, 20].map((cost, round) => ({ round, cost }));
  expect(ratio(ours, theirs)).toEqual({ median: 2, min: 2, max: 2 });
});

test("without a round in common there is no ratio", () => {
  expect(ratio([{ round: 1, cost: 2 }], [{ round: 2, cost: 1 }])).toBeUndefined();
  expect(show(undefined)).toBe("–");
});
