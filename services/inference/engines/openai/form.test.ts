import { describe, expect, test } from "vitest";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import { askStream, chunk, done, event } from "../../../../test/support/inference/openai.ts";

describe("the form of the text", () => {
  const schemaJson =
    '{"type":"object","properties":{"n":{"type":"integer","maximum":9}},"required":["n"],"additionalProperties":false}';
  const jsonObject = { format: { case: "jsonObject" as const, value: {} } };
  const jsonSchema = (strict: boolean) => ({
    format: { case: "jsonSchema" as const, value: { name: "n", schemaJson, strict } },
  });
  const say = (content: string, outputFormat: NonNullable<GenerationInit["outputFormat"]>, finish = "stop") =>
    askStream(event(chunk({ content })) + event(chunk({}, finish)) + done, { outputFormat });

  test.each([
    { content: '{"n":3}', format: jsonSchema(true) },
    { content: '{"n":30}', format: jsonSchema(false) },
    { content: ' {"any":[1]}\n', format: jsonObject },
  ])("is kept: $content", async ({ content, format }) => {
    expect((await say(content, format)).text).toBe(content);
  });

  test.each([
    {
      content: '{"n":30}',
      format: jsonSchema(true),
      fault: "answered with JSON that does not match the schema that it was held to",
    },
    {
      content: "Sure!",
      format: jsonSchema(true),
      fault: "answered with text that is not the JSON that it was asked for",
    },
    {
      content: "Sure!",
      format: jsonSchema(false),
      fault: "answered with text that is not the JSON that it was asked for",
    },
    {
      content: '{"n":',
      format: jsonObject,
      fault: "answered with text that is not the JSON that it was asked for",
    },
  ])("that is not kept is a failure: $content", async ({ content, format, fault }) => {
    await expect(say(content, format)).rejects.toMatchObject({
      kind: "engine_failed",
      message: `The engine of \`m\` ${fault}.`,
    });
  });

  test("is not looked for in an answer that was cut short, nor behind a call", async () => {
    const piece = { index: 0, id: "call_a", function: { name: "add", arguments: "{}" } };
    const call = event(chunk({ tool_calls: [piece] })) + event(chunk({}, "tool_calls")) + done;
    expect((await say('{"n":', jsonSchema(true), "length")).reason).toBe(FinishReason.LENGTH);
    expect((await askStream(call, { tools: [{ name: "add" }], outputFormat: jsonSchema(true) })).reason).toBe(
      FinishReason.TOOL_CALLS,
    );
  });
});
