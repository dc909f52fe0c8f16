import { describe, expect, test } from "vitest";
import { FinishReason, Role, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type GenerationInit, generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  askServer,
  chunk,
  done,
  engineFor,
  event,
  never,
  scriptedServer,
  sendEvents,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";

const parametersJson = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}';
const parameters = JSON.parse(parametersJson);
const weather = { name: "get_weather", description: "Tells the weather.", parametersJson };
const time = { name: "get_time", description: "" };
const required = { mode: ToolChoice_Mode.REQUIRED };
const one = { tools: [weather], toolChoice: required };
const any = { tools: [weather, time], toolChoice: required };
const named = { tools: [weather, time], toolChoice: { ...required, allowedNames: ["get_weather"] } };

const ask = (init: GenerationInit, pieces: readonly (string | object)[] = ['{"city":', '"Oslo"}']) =>
  askServer({ owner: "llamacpp" }, init, pieces);

describe("a call that llama-server has to make", () => {
  test.each([
    { what: "the only one", init: one },
    { what: "one that is named", init: named },
  ])("is asked for by the schema of its arguments: $what", async ({ init }) => {
    const { body, answer } = await ask(init);
    expect(body).not.toHaveProperty("tools");
    expect(body).not.toHaveProperty("tool_choice");
    expect(body.response_format).toEqual({
      type: "json_schema",
      json_schema: { name: "call", schema: parameters, strict: true },
    });
    expect(answer).toMatchObject({
      text: "",
      reason: FinishReason.TOOL_CALLS,
      toolCalls: [{ name: "get_weather", argumentsJson: '{"city":"Oslo"}' }],
    });
    expect(answer.toolCalls).toHaveLength(1);
    expect(answer.toolCalls[0]?.id).toMatch(/^call_\w+$/);
  });

  test("of any function is asked for by the schema of a call, and read from it", async () => {
    const { body, answer } = await ask(any, ['{"name": "get_', 'time", "par', 'ameters": {', "}", "}"]);
    const { schema } = (body.response_format as { json_schema: { schema: { anyOf: object[] } } }).json_schema;
    expect(schema.anyOf).toMatchObject([
      { properties: { name: { const: "get_weather" } } },
      { properties: { name: { const: "get_time" } } },
    ]);
    expect(answer.toolCalls).toMatchObject([{ name: "get_time", argumentsJson: "{}" }]);
  });

  test("is explained in words, in the system's turn where there is one", async () => {
    const say = (role: Role, value: string) => ({
      role,
      parts: [{ part: { case: "text" as const, value } }],
    });
    const user = say(Role.USER, "Hi");
    const alone = (await ask({ ...one, messages: [user] })).body.messages;
    expect(alone).toMatchObject([
      { role: "system", content: expect.stringContaining("- get_weather: Tells the weather.") },
      { role: "user", content: "Hi" },
    ]);
    const both = (await ask({ ...one, messages: [say(Role.SYSTEM, "Be brief."), user] })).body.messages;
    expect(both).toMatchObject([
      { role: "system", content: expect.stringMatching(/^Be brief\.\n\n.*get_weather/s) },
      { role: "user" },
    ]);
  });

  test("is no answer's form: what was asked of that does not matter", async () => {
    const outputFormat = { format: { case: "jsonObject" as const, value: {} } };
    const { body, answer } = await ask({ ...one, outputFormat });
    expect(body.response_format).toMatchObject({ type: "json_schema" });
    expect(answer.reason).toBe(FinishReason.TOOL_CALLS);
  });

  test("has no stop texts in it", async () => {
    const { answer } = await ask({ ...one, limits: { stop: ["city"] } });
    expect(answer.toolCalls).toMatchObject([{ argumentsJson: '{"city":"Oslo"}' }]);
  });

  test("has thoughts in front of it, where the model thinks", async () => {
    const { answer } = await ask(one, [{ reasoning_content: "Oslo it is." }, '{"city":"Oslo"}']);
    expect(answer).toMatchObject({ reasoning: "Oslo it is.", text: "" });
    expect(answer.toolCalls).toMatchObject([{ argumentsJson: '{"city":"Oslo"}' }]);
  });

  test.each([
    { pieces: ['{"city":'], words: "made a call whose arguments are not JSON" },
    { pieces: [], words: "answered without the call that it was required to make" },
  ])("is a failure where it is none: $words", async ({ pieces, words }) => {
    await expect(ask(one, pieces)).rejects.toMatchObject({
      kind: "engine_failed",
      message: expect.stringContaining(words),
    });
  });

  test("of functions that are not there is refused", async () => {
    await expect(ask({ toolChoice: required })).rejects.toMatchObject({
      kind: "invalid_request",
      param: "tool_choice",
    });
  });
});

test("a server that passes over what it is told is held to a call by its schema from then on", async () => {
  const server = await scriptedServer((received) => {
    if (received.method !== "POST") return;
    const content = received.body?.response_format === undefined ? "Hello!" : '{"city":"Oslo"}';
    sendEvents(received, event(chunk({ content })) + event(chunk({}, "stop")) + done);
    received.response.end();
  });
  try {
    const engine = await engineFor(server);
    const again = () => transcribe(engine.generate(generationOf(one), never));
    await expect(again()).rejects.toMatchObject({ kind: "engine_failed" });
    for (const { toolCalls } of [await again(), await again()])
      expect(toolCalls).toMatchObject([{ name: "get_weather", argumentsJson: '{"city":"Oslo"}' }]);
    const free = transcribe(engine.generate(generationOf({ tools: [weather] }), never));
    await expect(free).resolves.toMatchObject({ text: "Hello!", toolCalls: [] });
  } finally {
    await server.close();
  }
});

test("a call that may be made, but need not, is asked for in the server's own way", async () => {
  const { body } = await ask({ tools: [weather] }, ["Hello."]);
  expect(body).toMatchObject({ tools: [{ function: { name: "get_weather" } }], tool_choice: "auto" });
  expect(body).not.toHaveProperty("response_format");
});

test("other servers are told that a call has to be made", async () => {
  const call = { tool_calls: [{ index: 0, id: "c", function: { name: "get_weather", arguments: "{}" } }] };
  const { body } = await askServer({ owner: "vllm" }, one, [call]);
  expect(body).toMatchObject({ tools: [{ function: { name: "get_weather" } }], tool_choice: "required" });
});
