import { expect, test } from "vitest";
import { Metadata } from "../gguf/header.ts";
import { planContext } from "./memory-plan.ts";

const gib = 1024 ** 3;
/** Shaped like Llama 3.1 8B: 128 KiB of keys and values per token. */
const large = new Metadata(
  new Map<string, string | number>([
    ["general.architecture", "llama"],
    ["llama.context_length", 131_072],
    ["llama.block_count", 32],
    ["llama.embedding_length", 4096],
    ["llama.attention.head_count", 32],
    ["llama.attention.head_count_kv", 8],
  ]),
);

test.each([
  { availableGib: 64, wish: {}, plan: { slots: 8, contextSize: 4096 }, because: "there is room for all" },
  { availableGib: 7, wish: {}, plan: { slots: 3, contextSize: 4096 }, because: "half a GiB for each slot" },
  {
    availableGib: 64,
    wish: { slots: 2 },
    plan: { slots: 2, contextSize: 4096 },
    because: "two are wished for",
  },
  {
    availableGib: 64,
    wish: { contextSize: 65_536 },
    plan: { slots: 7, contextSize: 65_536 },
    because: "8 GiB for each slot",
  },
])(
  "$plan.slots slots of $plan.contextSize tokens in $availableGib GiB: $because",
  ({ availableGib, wish, plan }) => {
    expect(planContext(large, 5 * gib, availableGib * gib, wish)).toEqual(plan);
  },
);

test.each([
  { availableGib: 4, wish: {} },
  { availableGib: 7, wish: { slots: 4 } },
  { availableGib: 16, wish: { slots: 1, contextSize: 131_072 } },
])("$wish in $availableGib GiB is refused, with figures and advice", ({ availableGib, wish }) => {
  const plan = () => planContext(large, 5 * gib, availableGib * gib, wish);
  expect(plan).toThrow(expect.objectContaining({ kind: "invalid_request" }));
  expect(plan).toThrow(/Not enough memory: the model takes 5\.0 GiB, .* smaller/);
});
