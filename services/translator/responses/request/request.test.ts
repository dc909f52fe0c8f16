import { toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { GenerationSchema, MessageSchema } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Item } from "../items.ts";
import { parseResponseRequest } from "./index.ts";
import { toMessages } from "./to-messages.ts";

const parse = (more: Record<string, unknown> = {}) =>
  parseResponseRequest({ model: "m", input: "hi", ...more });
const generationOf = (more: Record<string, unknown>) =>
  toJson(GenerationSchema, parse(more).generation) as Record<string, unknown>;
const messagesOf = (input: unknown, instructions = "", history: Item[] = []) =>
  toMessages({ instructions, history, input: parse({ input }).input as Item[] }).map((message) =>
    toJson(MessageSchema, message),
  );

const user = (text: string) => ({ role: "ROLE_USER", parts: [{ text }] });
const lookUp = { type: "function", name: "look_up", parameters: { type: "object" } };
const call = { type: "function_call", call_id: "call_1", name: "look_up", arguments: '{"x":1}' };
const result = { type: "function_call_output", call_id: "call_1", output: "found" };
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("the conversation", () => {
  test.each([
    { from: "a text", input: "hi", messages: [user("hi")] },
    { from: "a message without type", input: [{ role: "user", content: "hi" }], messages: [user("hi")] },
    {
      from: "parts, which are one text",
      input: [
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "a" },
            { type: "input_text", text: "b" },
          ],
        },
      ],
      messages: [user("ab")],
    },
    {
      from: "system and developer alike",
      input: [
        { role: "system", content: "s" },
        { role: "developer", content: "d" },
        { role: "user", content: "u" },
      ],
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: "s" }] },
        { role: "ROLE_SYSTEM", parts: [{ text: "d" }] },
        user("u"),
      ],
    },
    {
      from: "thoughts, words and calls, which are one turn",
      input: [
        { role: "user", content: "u" },
        { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "hm" }] },
        { role: "assistant", content: [{ type: "output_text", text: "I look.", annotations: [] }] },
        call,
        { ...call, call_id: "call_2", arguments: "" },
        result,
        { ...result, call_id: "call_2", output: [{ type: "input_text", text: "two" }] },
      ],
      messages: [
        user("u"),
        {
          role: "ROLE_ASSISTANT",
          parts: [{ text: "I look." }],
          reasoning: "hm",
          toolCalls: [
            { id: "call_1", name: "look_up", argumentsJson: '{"x":1}' },
            { id: "call_2", name: "look_up", argumentsJson: "{}" },
          ],
        },
        { role: "ROLE_TOOL", parts: [{ text: "found" }], toolCallId: "call_1" },
        { role: "ROLE_TOOL", parts: [{ text: "two" }], toolCallId: "call_2" },
      ],
    },
    {
      from: "words after words, which are two turns",
      input: [
        { role: "assistant", content: "a" },
        { role: "assistant", content: [{ type: "refusal", refusal: "no" }] },
      ],
      messages: [
        { role: "ROLE_ASSISTANT", parts: [{ text: "a" }] },
        { role: "ROLE_ASSISTANT", parts: [{ text: "no" }] },
      ],
    },
    {
      from: "a summary, where thoughts are not open",
      input: [
        { type: "reasoning", summary: [{ type: "summary_text", text: "short" }], encrypted_content: "x" },
        { role: "assistant", content: "a" },
      ],
      messages: [{ role: "ROLE_ASSISTANT", parts: [{ text: "a" }], reasoning: "short" }],
    },
    {
      from: "thoughts that led to nothing, which are not repeated",
      input: [
        { type: "reasoning", content: [{ type: "reasoning_text", text: "hm" }] },
        { role: "user", content: "u" },
      ],
      messages: [user("u")],
    },
  ])("is made of $from", ({ input, messages }) => {
    expect(messagesOf(input)).toEqual(messages);
  });

  test("begins with the instructions, then what it continues", () => {
    const history = parse({ input: [{ role: "user", content: "u" }, call] }).input as Item[];
    expect(messagesOf([result], "Be brief.", history)).toMatchObject([
      { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
      user("u"),
      { role: "ROLE_ASSISTANT" },
      { role: "ROLE_TOOL" },
    ]);
  });

  test("carries images", () => {
    const content = [{ type: "input_image", image_url: pixel, detail: "low" }];
    expect(messagesOf([{ role: "user", content }])).toMatchObject([
      { parts: [{ image: { mimeType: "image/png", detail: "low" } }] },
    ]);
  });
});

describe("items", () => {
  test("get ids that show their type, and keep those that they have", () => {
    const { input } = parse({
      input: [{ role: "user", content: "u" }, call, result, { role: "assistant", content: "a", id: "msg_7" }],
    });
    expect(input.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^msg_[0-9a-f]{32}$/),
      expect.stringMatching(/^fc_[0-9a-f]{32}$/),
      expect.stringMatching(/^fco_[0-9a-f]{32}$/),
      "msg_7",
    ]);
  });

  test.each([{ type: "item_reference", id: "msg_1" }, { id: "msg_1" }])("may be named by %j", (reference) => {
    expect(parse({ input: [reference] }).input).toEqual([{ type: "item_reference", id: "msg_1" }]);
  });
});

describe("the generation", () => {
  test.each([
    { asks: "nothing", body: {}, gives: { sampling: { temperature: 0.7 }, limits: {} } },
    {
      asks: "for sampling and limits",
      body: { temperature: 0, top_p: 0.5, seed: 3, top_k: 2, max_output_tokens: 9, stop: "x" },
      gives: {
        sampling: { temperature: 0, topP: 0.5, seed: "3", topK: 2 },
        limits: { maxTokens: 9, stop: ["x"] },
      },
    },
    { asks: "for effort", body: { reasoning: { effort: "low" } }, gives: { reasoning: { effort: "low" } } },
    {
      asks: "for no thoughts",
      body: { reasoning: { effort: "none" } },
      gives: { reasoning: { effort: "none", enabled: false } },
    },
    {
      asks: "for log probabilities",
      body: { include: ["message.output_text.logprobs"] },
      gives: { logprobs: {} },
    },
    { asks: "for alternatives", body: { top_logprobs: 3 }, gives: { logprobs: { top: 3 } } },
    {
      asks: "for any JSON",
      body: { text: { format: { type: "json_object" } } },
      gives: { outputFormat: { jsonObject: {} } },
    },
    {
      asks: "for a schema",
      body: { text: { format: { type: "json_schema", name: "n", schema: { b: 1, a: 2 }, strict: true } } },
      gives: { outputFormat: { jsonSchema: { name: "n", schemaJson: '{"b":1,"a":2}', strict: true } } },
    },
    {
      asks: "for one call of a tool",
      body: {
        tools: [lookUp],
        tool_choice: { type: "function", name: "look_up" },
        parallel_tool_calls: false,
      },
      gives: {
        tools: [{ name: "look_up", parametersJson: '{"type":"object"}' }],
        toolChoice: { mode: "MODE_REQUIRED", allowedNames: ["look_up"] },
        parallelToolCalls: false,
      },
    },
    {
      asks: "for some of the tools",
      body: {
        tools: [lookUp, { ...lookUp, name: "other" }],
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "other" }] },
      },
      gives: { toolChoice: { mode: "MODE_AUTO", allowedNames: ["other"] } },
    },
    { asks: "for no choice without tools", body: { tool_choice: "auto" }, gives: { model: "m" } },
    {
      asks: "with nulls",
      body: { tools: null, text: null, reasoning: null, store: null },
      gives: { model: "m" },
    },
  ])("asks what a request asks $asks", ({ body, gives }) => {
    expect(generationOf(body)).toMatchObject(gives);
  });

  test("has no choice of tools where there are none", () => {
    expect(generationOf({ tool_choice: "none" })).not.toHaveProperty("toolChoice");
  });
});

test("a request is stored and not streamed unless it says otherwise", () => {
  expect(parse()).toMatchObject({ store: true, stream: false, mayTruncate: false, summarizes: false });
  expect(
    parse({ store: false, stream: true, truncation: "auto", reasoning: { summary: "auto" } }),
  ).toMatchObject({
    store: false,
    stream: true,
    mayTruncate: true,
    summarizes: true,
  });
});

test("the response repeats the request, with defaults where it says nothing", () => {
  expect(parse({ tools: [lookUp], metadata: { a: "b" }, instructions: "i" }).settings).toMatchObject({
    instructions: "i",
    metadata: { a: "b" },
    model: "m",
    parallel_tool_calls: true,
    temperature: 0.7,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [{ type: "function", name: "look_up", description: null, strict: false }],
    truncation: "disabled",
  });
});
