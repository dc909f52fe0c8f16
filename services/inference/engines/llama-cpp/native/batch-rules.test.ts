import { expect, test } from "vitest";
import { exactRule } from "./batch-rules.ts";

const [f32, f16, q41, q80, q4K, q6K, iq4NL] = [0, 1, 3, 8, 12, 14, 20];

test.each([
  { types: [f16, f32], threads: 4, rule: "even", because: "a row of floats is multiplied unlike several" },
  {
    types: [q41, q80, q6K],
    threads: 1,
    rule: "flash",
    because: "only attention depends on what else there is",
  },
  { types: [q41, q80], threads: 2, rule: undefined, because: "threads share flash attention's sums" },
  {
    types: [q41, f32],
    threads: 1,
    rule: undefined,
    because: "one matrix of floats is enough, as with experts",
  },
  { types: [q4K, q6K], threads: 1, rule: undefined, because: "four rows are multiplied unlike fewer" },
  { types: [q80, iq4NL], threads: 1, rule: undefined, because: "rows are multiplied as those of floats are" },
  { types: [q80, 999], threads: 1, rule: undefined, because: "nothing is known of a new type" },
])("$types on $threads thread(s): $rule, because $because", ({ types, threads, rule }) => {
  expect(exactRule(types, threads)?.name).toBe(rule);
});
