import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { FinishReason, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../fake-engine.ts";
import type { Subject } from "./subject.ts";

/** What engines may claim about the form of an answer: JSON, JSON schema, tool calls. */
export function describeForms(subject: Subject): void {
  const { abilities, answer } = subject;

  describe.runIf(abilities.jsonObject)("JSON mode", () => {
    test("gives one JSON object, or is cut by the limit", async () => {
      const { text, reason } = await answer("Answer in JSON: what is your name?", {
        outputFormat: { format: { case: "jsonObject", value: {} } },
        limits: { maxTokens: 200 },
      });
      expect(text.trimStart()).toMatch(/^\{/);
      if (reason === FinishReason.STOP) expect(JSON.parse(text)).toBeTypeOf("object");
      else expect(reason).toBe(FinishReason.LENGTH);
    });
  });

  describe.runIf(abilities.jsonSchema)("a JSON schema", () => {
    const schema = {
      type: "object",
      properties: {
        verdict: { enum: ["yes", "no"] },
        stars: { type: "integer", minimum: 1, maximum: 5 },
        tags: { type: "array", items: { enum: ["a", "b"] }, minItems: 1, maxItems: 2 },
      },
      required: ["verdict", "stars", "tags"],
      additionalProperties: false,
    };

    test.each([0, 1.5])("is matched exactly at temperature %d", async (temperature) => {
      const { text, reason } = await answer("Review the film.", {
        outputFormat: {
          format: {
            case: "jsonSchema",
            value: { name: "review", schemaJson: JSON.stringify(schema), strict: true },
          },
        },
        sampling: { temperature, seed: 5n },
        limits: { maxTokens: 200 },
      });
      expect(reason).toBe(FinishReason.STOP);
      const validate = new Ajv().compile(schema);
      expect(validate(JSON.parse(text)), JSON.stringify(validate.errors)).toBe(true);
    });
  });

  describe.runIf(abilities.forcedToolChoice)("a forced tool call", () => {
    const parameters = {
      type: "object",
      properties: { city: { enum: ["Paris", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["city", "days"],
      additionalProperties: false,
    };
    const tools = [
      {
        name: "get_weather",
        description: "Tells the weather.",
        parametersJson: JSON.stringify(parameters),
        strict: true,
      },
      {
        name: "get_time",
        description: "Tells the time.",
        parametersJson: '{"type":"object","properties":{}}',
      },
    ];
    const options: GenerationInit = { tools, parallelToolCalls: false, limits: { maxTokens: 200 } };

    test("is made, with arguments that match", async () => {
      const { toolCalls, reason, deltas } = await answer("What is the weather in Paris?", {
        ...options,
        toolChoice: { mode: ToolChoice_Mode.REQUIRED, allowedNames: ["get_weather"] },
      });
      expect(reason).toBe(FinishReason.TOOL_CALLS);
      expect(toolCalls.map(({ name }) => name)).toEqual(["get_weather"]);
      expect(toolCalls[0]?.id).not.toBe("");
      const validate = new Ajv().compile(parameters);
      expect(validate(JSON.parse(toolCalls[0]!.argumentsJson)), JSON.stringify(validate.errors)).toBe(true);
      const pieces = deltas.flatMap((delta) => delta.toolCalls);
      expect(pieces.slice(1).every(({ id, name }) => id === "" && name === "")).toBe(true);
    });

    test("that the limit cuts short finishes with LENGTH", async () => {
      const { reason } = await answer("What is the weather in Paris?", {
        ...options,
        limits: { maxTokens: 1 },
        toolChoice: { mode: ToolChoice_Mode.REQUIRED },
      });
      expect(reason).toBe(FinishReason.LENGTH);
    });

    test("that is forbidden is not made", async () => {
      const { toolCalls, reason } = await answer("What is the weather in Paris?", {
        ...options,
        toolChoice: { mode: ToolChoice_Mode.NONE },
      });
      expect(toolCalls).toEqual([]);
      expect(reason).not.toBe(FinishReason.TOOL_CALLS);
    });
  });
}
