import { describe, expect, test } from "vitest";
import { FinishReason, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import { askStream, chunk, done, event } from "../../../../test/support/inference/openai.ts";

const tools = [{ name: "add" }, { name: "now" }];

/** The calls of an answer whose chunks have these pieces in their `tool_calls`. */
const ask = (pieces: readonly object[][], init: GenerationInit = {}, finish = "tool_calls") =>
  askStream(
    pieces.map((tool_calls) => event(chunk({ tool_calls }))).join("") + event(chunk({}, finish)) + done,
    { tools, ...init },
  );

const add = { id: "call_a", name: "add", argumentsJson: '{"a":1}' };
const now = { id: "call_b", name: "now", argumentsJson: "{}" };

describe("calls are read although their pieces", () => {
  test.each<{ variant: string; pieces: object[][] }>([
    {
      variant: "are as they should be",
      pieces: [
        [{ index: 0, id: "call_a", type: "function", function: { name: "add", arguments: "" } }],
        [{ index: 0, function: { arguments: '{"a"' } }],
        [{ index: 0, function: { arguments: ":1}" } }],
        [{ index: 1, id: "call_b", type: "function", function: { name: "now", arguments: "{}" } }],
      ],
    },
    {
      variant: "repeat id and name",
      pieces: [
        [{ index: 0, id: "call_a", type: "function", function: { name: "add", arguments: '{"a"' } }],
        [{ index: 0, id: "call_a", type: "function", function: { name: "add", arguments: ":1}" } }],
        [{ index: 1, id: "call_b", type: "function", function: { name: "now", arguments: "{}" } }],
      ],
    },
    {
      variant: "have neither index nor type",
      pieces: [
        [{ id: "call_a", function: { name: "add", arguments: '{"a"' } }],
        [{ function: { arguments: ":1}" } }],
        [{ id: "call_b", function: { name: "now", arguments: "{}" } }],
      ],
    },
    {
      variant: "all have the same index",
      pieces: [
        [{ index: 0, id: "call_a", function: { name: "add", arguments: '{"a":1}' } }],
        [{ index: 0, id: "call_b", function: { name: "now", arguments: "{}" } }],
      ],
    },
    {
      variant: "come together in one chunk",
      pieces: [
        [
          { index: 0, id: "call_a", function: { name: "add", arguments: '{"a":1}' } },
          { index: 1, id: "call_b", function: { name: "now", arguments: "{}" } },
        ],
      ],
    },
    {
      variant: "are numbered with gaps",
      pieces: [
        [{ index: 2, id: "call_a", function: { name: "add", arguments: '{"a":1}' } }],
        [{ index: 7, id: "call_b", function: { name: "now", arguments: "{}" } }],
      ],
    },
    {
      variant: "have their arguments as an object",
      pieces: [
        [{ index: 0, id: "call_a", function: { name: "add", arguments: { a: 1 } } }],
        [{ index: 1, id: "call_b", function: { name: "now", arguments: {} } }],
      ],
    },
    {
      variant: "tell the name late",
      pieces: [
        [{ index: 0, id: "call_a", function: { arguments: '{"a"' } }],
        [{ index: 0, function: { name: "add" } }],
        [{ index: 0, function: { arguments: ":1}" } }],
        [{ index: 1, id: "call_b", function: { name: "now", arguments: null } }],
      ],
    },
    {
      variant: "have no arguments at all",
      pieces: [
        [{ index: 0, id: "call_a", function: { name: "add", arguments: '{"a":1}' } }],
        [{ index: 1, id: "call_b", function: { name: "now" } }],
      ],
    },
  ])("$variant", async ({ pieces }) => {
    const { toolCalls, deltas, reason } = await ask(pieces);
    expect(toolCalls).toEqual([add, now]);
    expect(reason).toBe(FinishReason.TOOL_CALLS);
    const opening = deltas
      .flatMap((delta) => delta.toolCalls)
      .filter(({ id, name }) => id !== "" || name !== "");
    expect(opening.map(({ index, id, name }) => [index, id, name])).toEqual([
      [0, "call_a", "add"],
      [1, "call_b", "now"],
    ]);
  });

  test("have no ids: each gets one of its own", async () => {
    const { toolCalls } = await ask([
      [{ index: 0, function: { name: "add", arguments: '{"a":1}' } }],
      [{ index: 0, function: { name: "add", arguments: '{"a":2}' } }],
    ]);
    expect(toolCalls.map(({ argumentsJson }) => argumentsJson)).toEqual(['{"a":1}', '{"a":2}']);
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(2);
    expect(toolCalls[0]?.id).toMatch(/^call_[0-9a-f]{24}$/);
  });

  test("are written as before there were tools", async () => {
    const bytes = [{ name: "add", arguments: "" }, { arguments: '{"a":1}' }]
      .map((function_call) => event(chunk({ function_call })))
      .join("");
    const { toolCalls, reason } = await askStream(bytes + event(chunk({}, "function_call")) + done, {
      tools,
    });
    expect(toolCalls).toMatchObject([{ name: "add", argumentsJson: '{"a":1}' }]);
    expect(reason).toBe(FinishReason.TOOL_CALLS);
  });
});

const both = [
  [{ index: 0, id: "call_a", function: { name: "add", arguments: '{"a":1}' } }],
  [{ index: 1, id: "call_b", function: { name: "now", arguments: "{}" } }],
];

test.each(["stop", "function_call"])(
  "an answer with calls finishes with TOOL_CALLS, also when it says %s",
  async (finish) => {
    expect((await ask(both, {}, finish)).reason).toBe(FinishReason.TOOL_CALLS);
  },
);

test("an answer with calls that says nothing but [DONE] has failed: the arguments may be incomplete", async () => {
  const bytes = event(chunk({ tool_calls: both[0] })) + done;
  await expect(askStream(bytes, { tools })).rejects.toMatchObject({ kind: "engine_failed" });
});

test("of several calls only the first goes out when no more were asked for", async () => {
  const { toolCalls } = await ask(both, { parallelToolCalls: false });
  expect(toolCalls).toEqual([add]);
});

test("text before a call is told, also what could have become a stop text", async () => {
  const bytes =
    event(chunk({ content: "Let me see: EN" })) +
    event(chunk({ tool_calls: both[0] })) +
    event(chunk({}, "tool_calls")) +
    done;
  const { text, toolCalls } = await askStream(bytes, { tools, limits: { stop: ["END"] } });
  expect([text, toolCalls]).toEqual(["Let me see: EN", [add]]);
});

describe("it is a failure, and no weaker answer,", () => {
  const required = { mode: ToolChoice_Mode.REQUIRED };

  test("when the call is not made that was forced", async () => {
    const bytes = event(chunk({ content: "No." })) + event(chunk({}, "stop")) + done;
    await expect(askStream(bytes, { tools, toolChoice: required })).rejects.toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` answered without the call that it was required to make.",
    });
  });

  test("unless the limit of tokens was met before", async () => {
    const bytes = event(chunk({ content: "Let me" })) + event(chunk({}, "length")) + done;
    expect((await askStream(bytes, { tools, toolChoice: required })).reason).toBe(FinishReason.LENGTH);
  });

  test("unless a stop text was met before", async () => {
    const bytes = event(chunk({ content: "Let me see. END" })) + done;
    const answer = await askStream(bytes, { tools, toolChoice: required, limits: { stop: ["END"] } });
    expect([answer.text, answer.stop, answer.reason]).toEqual(["Let me see. ", "END", FinishReason.STOP]);
  });

  test("when a call is made although all were forbidden", async () => {
    const forbidden = { toolChoice: { mode: ToolChoice_Mode.NONE } };
    await expect(ask(both, forbidden)).rejects.toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` called a function that it was not given.",
    });
  });

  test("when a function is called that was not given", async () => {
    const pieces = [[{ index: 0, id: "call_x", function: { name: "delete_all", arguments: "{}" } }]];
    await expect(ask(pieces)).rejects.toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` called a function that it was not given.",
    });
  });

  const parametersJson =
    '{"type":"object","properties":{"a":{"type":"integer","minimum":2}},"required":["a"]}';

  test.each([
    { strict: true, argumentsJson: '{"a":2}', because: "it matches" },
    { strict: false, argumentsJson: '{"a":1}', because: "nobody was strict" },
  ])("but not when the arguments are $argumentsJson: $because", async ({ strict, argumentsJson }) => {
    const pieces = [[{ index: 0, id: "call_a", function: { name: "add", arguments: argumentsJson } }]];
    const { toolCalls } = await ask(pieces, { tools: [{ name: "add", parametersJson, strict }] });
    expect(toolCalls).toMatchObject([{ argumentsJson }]);
  });

  test("when the arguments of a strict function do not match", async () => {
    const pieces = [[{ index: 0, id: "call_a", function: { name: "add", arguments: '{"a":1}' } }]];
    const answer = ask(pieces, { tools: [{ name: "add", parametersJson, strict: true }] });
    await expect(answer).rejects.toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` called `add` with arguments that do not match its strict schema.",
    });
  });
});
