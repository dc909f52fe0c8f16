import { expect, test } from "vitest";
import { ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import { toGeneration } from "../../../../test/support/inference/llama-cpp/engines.ts";
import { readToolUse } from "./tool-use.ts";

const tools = [{ name: "f" }, { name: "g", parametersJson: '{"type":"object"}' }];
const { AUTO, NONE, REQUIRED } = ToolChoice_Mode;

test.each<{
  init: GenerationInit;
  mode: string;
  offered: string[];
  callable: string[];
  maxCalls: number;
  because: string;
}>([
  { init: {}, mode: "none", offered: [], callable: [], maxCalls: 0, because: "there are none" },
  {
    init: { tools },
    mode: "auto",
    offered: ["f", "g"],
    callable: ["f", "g"],
    maxCalls: 128,
    because: "absent means automatic",
  },
  {
    init: { tools, toolChoice: { mode: NONE } },
    mode: "none",
    offered: [],
    callable: [],
    maxCalls: 0,
    because: "a model that may not call is not told of tools",
  },
  {
    init: { tools, toolChoice: { mode: AUTO, allowedNames: ["g"] } },
    mode: "auto",
    offered: ["f", "g"],
    callable: ["g"],
    maxCalls: 128,
    because: "only some are allowed",
  },
  {
    init: { tools, toolChoice: { mode: REQUIRED } },
    mode: "required",
    offered: ["f", "g"],
    callable: ["f", "g"],
    maxCalls: 128,
    because: "one at least is required",
  },
  {
    init: { tools, toolChoice: { mode: REQUIRED, allowedNames: ["f"] } },
    mode: "required",
    offered: ["f", "g"],
    callable: ["f"],
    maxCalls: 1,
    because: "exactly that one is required",
  },
  {
    init: { tools, parallelToolCalls: false },
    mode: "auto",
    offered: ["f", "g"],
    callable: ["f", "g"],
    maxCalls: 1,
    because: "parallel calls are off",
  },
])("mode $mode, at most $maxCalls calls: $because", ({ init, mode, offered, callable, maxCalls }) => {
  const use = readToolUse(toGeneration(init));
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
  expect([use.mode, names(use.offered), names(use.callable), use.maxCalls]).toEqual([
    mode,
    offered,
    callable,
    maxCalls,
  ]);
});

test.each<{ init: GenerationInit; error: object }>([
  { init: { toolChoice: { mode: REQUIRED } }, error: { param: "tool_choice" } },
  { init: { tools, toolChoice: { mode: AUTO, allowedNames: ["h"] } }, error: { param: "tool_choice" } },
  {
    init: { tools: [{ name: "f", parametersJson: "{" }] },
    error: { param: "tools[0].function.parameters", code: "invalid_function_parameters" },
  },
  {
    init: { tools: [{ name: "f", parametersJson: `${"[".repeat(5000)}${"]".repeat(5000)}` }] },
    error: { param: "tools[0].function.parameters", code: "invalid_function_parameters" },
  },
])("what cannot be is refused: $error", ({ init, error }) => {
  expect(() => readToolUse(toGeneration(init))).toThrow(
    expect.objectContaining({ kind: "invalid_request", ...error }),
  );
});
