import { expect, test } from "vitest";
import type { GenerationInit } from "../../../../../test/support/inference/fake-engine.ts";
import { toGeneration } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { templateVariables } from "./prompt.ts";

test.each<{ init: GenerationInit; variables: object; because: string }>([
  { init: {}, variables: {}, because: "nothing is said" },
  {
    init: { reasoning: { enabled: false } },
    variables: { enable_thinking: false, thinking: false },
    because: "thinking is off",
  },
  {
    init: { reasoning: { effort: "none" } },
    variables: { enable_thinking: false, thinking: false, reasoning_effort: "none" },
    because: "no effort is no thinking",
  },
  {
    init: { reasoning: { effort: "high" } },
    variables: { enable_thinking: true, thinking: true, reasoning_effort: "high" },
    because: "effort is thinking",
  },
  {
    init: {
      reasoning: { enabled: true },
      chatTemplateKwargsJson: '{"enable_thinking": false, "date": "today"}',
    },
    variables: { enable_thinking: false, thinking: true, date: "today" },
    because: "the request's own words come last",
  },
])("$variables: $because", ({ init, variables }) => {
  expect(templateVariables(toGeneration(init))).toEqual(variables);
});

test.each(["[]", "1", "{", `${'{"a":'.repeat(300)}1${"}".repeat(300)}`])(
  "%s is refused",
  (chatTemplateKwargsJson) => {
    expect(() => templateVariables(toGeneration({ chatTemplateKwargsJson }))).toThrow(
      expect.objectContaining({ kind: "invalid_request", param: "chat_template_kwargs" }),
    );
  },
);
