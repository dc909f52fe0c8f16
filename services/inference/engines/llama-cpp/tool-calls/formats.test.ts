import { describe, expect, test } from "vitest";
import { GrammarSampler } from "../../../../../test/support/inference/grammar-sampler.ts";
import { seeded } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { GrammarBuilder, schemaExpression } from "../../gbnf/index.ts";
import { AnswerReader } from "../answer/answer-reader.ts";
import { detectToolCallFormat, hermes, llama3, mistralList, mistralNamed, type ToolRule } from "./formats.ts";
import { OpenCall } from "./open-call.ts";

const schemas = {
  get_weather: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city"],
    additionalProperties: false,
  },
  now: { type: "object", properties: {}, additionalProperties: false },
};

const toolRules = (grammar: GrammarBuilder): ToolRule[] =>
  Object.entries(schemas).map(([name, schema]) => ({
    name,
    argumentsRule: grammar.rule(schemaExpression(grammar, schema, { strict: true })),
  }));

describe.each([hermes, llama3, mistralList, mistralNamed])("$name", (format) => {
  test.each([1, 3])("whatever its grammar lets through is read as up to %i calls", (max) => {
    const grammar = new GrammarBuilder();
    const sampler = new GrammarSampler(
      grammar.build(format.calls(grammar, toolRules(grammar), max)),
      seeded(max),
    );
    for (let index = 0; index < 100; index++) {
      const text = sampler.draw();
      const reader = new AnswerReader({
        thinking: "never",
        stops: [],
        toolCallFormat: format,
        callable: new Set(Object.keys(schemas)),
        maxCalls: max,
        trusted: false,
        forced: false,
      });
      reader.push(text);
      reader.end();
      const pieces = reader.take();
      expect(
        pieces.filter(({ kind }) => kind === "text" && text),
        text,
      ).toEqual([]);
      expect(reader.completeCalls).toBeGreaterThanOrEqual(1);
      expect(reader.completeCalls).toBeLessThanOrEqual(max);
      for (const piece of pieces)
        if (piece.kind === "arguments") expect(JSON.parse(piece.text)).toBeTypeOf("object");
    }
  });

  test.runIf(format.openers.length > 0)("its grammar behind an opener lets through the same calls", () => {
    const grammar = new GrammarBuilder();
    const source = grammar.build(format.afterOpener(grammar, toolRules(grammar), 2));
    const sampler = new GrammarSampler(source, seeded(5));
    for (let index = 0; index < 100; index++) {
      const call = new OpenCall(0, "", format.parse, false);
      const text = sampler.draw();
      expect(call.read(text)).toBe(text.length);
      expect(call.state).toBe("done");
    }
  });
});

test.each([
  { source: "…{{ '<tool_call>' }}…", format: hermes, because: "of the starter model, Qwen, Hermes" },
  { source: "<tool_call>\n<function=…>", format: undefined, because: "Qwen3-Coder writes XML" },
  {
    source: "<tool_call>{{ name }}\n<arg_key>",
    format: undefined,
    because: "GLM writes keys and values",
  },
  { source: "[TOOL_CALLS] [", format: mistralList, because: "of Mistral 7B v0.3 and Nemo" },
  { source: "[TOOL_CALLS]…[ARGS]", format: mistralNamed, because: "of Mistral Small 3.2" },
  { source: "…<|python_tag|>…", format: llama3, because: "of Llama 3.1" },
  {
    source: 'Respond in the format {"name": function name, "parameters": dictionary}',
    format: llama3,
    because: "of Llama 3.2",
  },
  { source: "{{ message.content }}", format: undefined, because: "it knows no tools" },
])("the format $format.name is found in a template: $because", ({ source, format }) => {
  expect(detectToolCallFormat(source)).toBe(format);
});
