import { expect, test } from "vitest";
import { spread } from "./summary.ts";

test.each([
  { values: [3], summary: { median: 3, min: 3, max: 3 } },
  { values: [9, 1, 2], summary: { median: 2, min: 1, max: 9 } },
  { values: [4, 1, 2, 10], summary: { median: 3, min: 1, max: 10 } },
])("$values is summarized as its middle and its ends", ({ values, summary }) => {
  expect(spread(values)).toEqual(summary);
});
