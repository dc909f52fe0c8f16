import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FinishReason, type GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  continuedEvent,
  deltaEvent,
  finishedEvent,
  parseSse,
  question,
  startedEvent,
  textEvent,
} from "../../../../test/support/translator/translator.ts";
import { ChoiceCollector } from "../../answers/choices.ts";
import { escapeJson, toFingerprint, toFinishReason, toUsage } from "../../answers/wire.ts";
import { type ChatRequest, parseChatRequest } from "../request/index.ts";
import { ChunkEncoder, toUsageChunk } from "./chunks.ts";
import { toCompletion } from "./completion.ts";

const head = { id: "chatcmpl-1", created: 1_700_000_000, model: 'm"é' };
const requestOf = (more: Record<string, unknown> = {}): ChatRequest => parseChatRequest(question(more));
const withTools = { tools: [{ type: "function", function: { name: "f" } }] };
const legacy = { functions: [{ name: "f" }] };

const chunksOf = (events: readonly GenerationEvent[], more: Record<string, unknown> = {}, index = 0) => {
  const encoder = new ChunkEncoder(head, index, requestOf(more));
  return parseSse(`${events.map((event) => encoder.encode(event)).join("")}\n\n`).map((json) =>
    JSON.parse(json),
  );
};
const deltasOf = (events: readonly GenerationEvent[], more: Record<string, unknown> = {}) =>
  chunksOf(events, more).map(({ choices: [choice] }) => choice.delta);
const choiceOf = (events: readonly GenerationEvent[], more: Record<string, unknown> = {}) => {
  const collector = new ChoiceCollector();
  for (const event of events) collector.accept(event);
  return JSON.parse(toCompletion(head, requestOf(more), [collector])).choices[0];
};

const call = (index: number, argumentsJson: string, id = "", name = "") =>
  deltaEvent({ toolCalls: [{ index, id, name, argumentsJson }] });
const twoCalls = [
  startedEvent(),
  call(0, "", "call_a", "f"),
  call(0, '{"x":'),
  call(0, "1}"),
  call(1, "{}", "call_b", "g"),
  finishedEvent(FinishReason.TOOL_CALLS),
];
const logprob = (text: string, value: number) => ({
  text,
  bytes: new TextEncoder().encode(text),
  logprob: value,
});
const withLogprobs = [
  startedEvent(),
  deltaEvent({
    text: "Hi",
    logprobs: [
      { token: logprob("H", -0.5), top: [logprob("H", -0.5), logprob("h", Number.NEGATIVE_INFINITY)] },
      { token: logprob("i", -1), top: [] },
    ],
  }),
  finishedEvent(),
];

describe("escaping", () => {
  test("gives back any text, in valid UTF-8, on one line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escapeJson(text);
        expect(JSON.parse(`"${escaped}"`)).toBe(text);
        expect(escaped.isWellFormed()).toBe(true);
        expect(escaped).not.toMatch(/[\r\n\u2028\u2029]/);
      }),
    );
  });

  test("an answer that another engine continued from its text ends with that engine's fingerprint, and no other does", () => {
    const fingerprintsOf = (exact: boolean) => {
      const events = [startedEvent(), textEvent("a"), continuedEvent("another", exact)];
      const collector = new ChoiceCollector();
      for (const event of events) collector.accept(event);
      const streamed = chunksOf(events).map(({ system_fingerprint: told }) => told);
      return [...streamed, JSON.parse(toCompletion(head, requestOf(), [collector])).system_fingerprint];
    };
    const [first] = fingerprintsOf(true);
    expect(fingerprintsOf(true)).toEqual([first, first, first, first]);
    const other = toFingerprint("another");
    expect(other).not.toBe(first);
    expect(fingerprintsOf(false)).toEqual([first, first, other, other]);
  });

  test.each([
    "",
    "plain text",
    'a "quote"',
    "back\\slash",
    "line\nbreak",
    "\u2028",
    "\ud83d",
    "😀 é",
    "\u007f\0",
  ])("gives back %j", (text) => expect(JSON.parse(`"${escapeJson(text)}"`)).toBe(text));
});

describe("a stream", () => {
  test("sends the role once, then the text, then the finish reason", () => {
    expect(chunksOf([startedEvent(), textEvent("Hel"), textEvent("lo"), finishedEvent()])).toEqual(
      [
        { delta: { role: "assistant", content: "", refusal: null }, finish_reason: null },
        { delta: { content: "Hel" }, finish_reason: null },
        { delta: { content: "lo" }, finish_reason: null },
        { delta: {}, finish_reason: "stop" },
      ].map((choice) => ({
        ...head,
        object: "chat.completion.chunk",
        service_tier: "default",
        system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/),
        choices: [{ index: 0, logprobs: null, ...choice }],
      })),
    );
  });

  test("shows nothing while there is nothing to show", () => {
    const encoder = new ChunkEncoder(head, 0, requestOf());
    const silent = [startedEvent(), deltaEvent({}), deltaEvent({ tokenIds: [7] })];
    expect(silent.map((event) => encoder.encode(event))).toEqual(["", "", ""]);
    expect(encoder.encode(textEvent("x"))).not.toBe("");
  });

  test("has a role and an end even when nothing was said", () => {
    expect(deltasOf([startedEvent(), finishedEvent(FinishReason.LENGTH)])).toEqual([
      { role: "assistant", content: "", refusal: null },
      {},
    ]);
  });

  test("says which choice it is about", () => {
    for (const { choices } of chunksOf([startedEvent(), textEvent("a"), finishedEvent()], {}, 3))
      expect(choices[0].index).toBe(3);
  });

  test("has a usage of null in every chunk when the usage was asked for, and no such key otherwise", () => {
    const events = [startedEvent(), textEvent("a"), finishedEvent()];
    const asked = { stream: true, stream_options: { include_usage: true } };
    for (const chunk of chunksOf(events, asked)) expect(chunk).toHaveProperty("usage", null);
    for (const chunk of chunksOf(events)) expect(chunk).not.toHaveProperty("usage");
  });

  test("ends with the usage of all choices, the prompt counted once", () => {
    const usages = [
      { promptTokens: 10, completionTokens: 3, cachedTokens: 4, reasoningTokens: 1 },
      { promptTokens: 10, completionTokens: 5, cachedTokens: 0, reasoningTokens: 2 },
    ].map((usage) => ({ $typeName: "cxmpute.generation.v1.Usage" as const, ...usage }));
    const [json] = parseSse(
      toUsageChunk(
        head,
        usages.map((usage) => ({ fingerprint: "x", usage })),
      ),
    );
    expect(JSON.parse(json!)).toMatchObject({
      object: "chat.completion.chunk",
      choices: [],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 8,
        total_tokens: 18,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    });
  });

  test("names a call once and then only adds to its arguments", () => {
    expect(deltasOf(twoCalls, withTools).slice(1, -1)).toEqual(
      [
        { index: 0, id: "call_a", type: "function", function: { name: "f", arguments: "" } },
        { index: 0, function: { arguments: '{"x":' } },
        { index: 0, function: { arguments: "1}" } },
        { index: 1, id: "call_b", type: "function", function: { name: "g", arguments: "" } },
        { index: 1, function: { arguments: "{}" } },
      ].map((piece) => ({ tool_calls: [piece] })),
    );
    expect(chunksOf(twoCalls, withTools).at(-1).choices[0].finish_reason).toBe("tool_calls");
  });

  test("answers functions in their own form", () => {
    const one = [startedEvent(), call(0, '{"x":1}', "call_a", "f"), finishedEvent(FinishReason.TOOL_CALLS)];
    expect(deltasOf(one, legacy).slice(1, -1)).toEqual([
      { function_call: { name: "f", arguments: "" } },
      { function_call: { arguments: '{"x":1}' } },
    ]);
    expect(chunksOf(one, legacy).at(-1).choices[0].finish_reason).toBe("function_call");
  });

  test("shows reasoning under both names, unless it is to be hidden", () => {
    const events = [startedEvent(), deltaEvent({ reasoning: "hm" }), textEvent("a"), finishedEvent()];
    expect(deltasOf(events)[1]).toEqual({ reasoning: "hm", reasoning_content: "hm" });
    expect(deltasOf(events, { include_reasoning: false })[1]).toEqual({ content: "a" });
  });

  test("shows log probabilities with the text, minus infinity as a number", () => {
    const [, chunk] = chunksOf(withLogprobs, { logprobs: true, top_logprobs: 2 });
    expect(chunk.choices[0]).toMatchObject({
      delta: { content: "Hi" },
      logprobs: {
        content: [
          {
            token: "H",
            logprob: -0.5,
            bytes: [72],
            top_logprobs: [
              { token: "H", logprob: -0.5, bytes: [72] },
              { token: "h", logprob: -9999, bytes: [104] },
            ],
          },
          { token: "i", logprob: -1, bytes: [105], top_logprobs: [] },
        ],
        refusal: null,
      },
    });
  });
});

describe("a completion", () => {
  test("is the object that OpenAI describes, key for key", () => {
    const collector = new ChoiceCollector();
    const usage = { promptTokens: 9, completionTokens: 12, cachedTokens: 2, reasoningTokens: 1 };
    for (const event of [
      startedEvent("n", "same"),
      textEvent("Hel"),
      textEvent("lo"),
      finishedEvent(undefined, usage),
    ])
      collector.accept(event);
    expect(JSON.parse(toCompletion(head, requestOf(), [collector]))).toEqual({
      ...head,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 12,
        total_tokens: 21,
        prompt_tokens_details: { cached_tokens: 2, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 1,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
      service_tier: "default",
      system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/),
    });
  });

  test("has calls instead of content, and no such key without calls", () => {
    expect(choiceOf(twoCalls, withTools)).toMatchObject({
      message: {
        content: null,
        tool_calls: [
          { id: "call_a", type: "function", function: { name: "f", arguments: '{"x":1}' } },
          { id: "call_b", type: "function", function: { name: "g", arguments: "{}" } },
        ],
      },
      finish_reason: "tool_calls",
    });
    expect(choiceOf([startedEvent(), textEvent("a"), finishedEvent()], withTools).message).not.toHaveProperty(
      "tool_calls",
    );
  });

  test("answers functions in their own form", () => {
    const { message, finish_reason } = choiceOf(twoCalls, legacy);
    expect(message.function_call).toEqual({ name: "f", arguments: '{"x":1}' });
    expect(message).not.toHaveProperty("tool_calls");
    expect(finish_reason).toBe("function_call");
  });

  test("shows reasoning under both names, unless it is to be hidden", () => {
    const events = [startedEvent(), deltaEvent({ reasoning: "hm" }), textEvent("a"), finishedEvent()];
    expect(choiceOf(events).message).toMatchObject({
      reasoning: "hm",
      reasoning_content: "hm",
      content: "a",
    });
    expect(choiceOf(events, { include_reasoning: false }).message).not.toHaveProperty("reasoning");
  });

  test("has log probabilities when they were asked for, even of no token", () => {
    expect(choiceOf(withLogprobs, { logprobs: true }).logprobs.content).toHaveLength(2);
    expect(choiceOf([startedEvent(), finishedEvent()], { logprobs: true }).logprobs).toEqual({
      content: [],
      refusal: null,
    });
  });

  test("is empty text, not null, when nothing was said", () => {
    expect(choiceOf([startedEvent(), finishedEvent()]).message.content).toBe("");
  });
});

test("a call to which the engine gave no id gets one", () => {
  const unnamed = [startedEvent(), call(0, "{}", "", "f"), finishedEvent(FinishReason.TOOL_CALLS)];
  expect(choiceOf(unnamed, withTools).message.tool_calls[0].id).toMatch(/^call_[0-9a-f]{32}$/);
  expect(deltasOf(unnamed, withTools)[1].tool_calls[0].id).toMatch(/^call_[0-9a-f]{32}$/);
});

test("equal engines have equal fingerprints, and an unknown one has none", () => {
  const fingerprintOf = (name: string) =>
    chunksOf([startedEvent("n", name), finishedEvent()])[0].system_fingerprint;
  expect(fingerprintOf("a")).toBe(fingerprintOf("a"));
  expect(fingerprintOf("a")).not.toBe(fingerprintOf("b"));
  expect(fingerprintOf("")).toBeNull();
});

test.each([
  [FinishReason.STOP, "stop"],
  [FinishReason.LENGTH, "length"],
  [FinishReason.TOOL_CALLS, "tool_calls"],
  [FinishReason.CONTENT_FILTER, "content_filter"],
  [FinishReason.UNSPECIFIED, "stop"],
])("the reason %d is %s", (reason, word) => {
  expect(toFinishReason(reason, false)).toBe(word);
});

test("an answer without usage counts nothing", () => {
  expect(toUsage([undefined])).toMatchObject({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
});

describe("a chunk that is said to be ASCII", () => {
  test("has as many bytes as characters, and a plain token's is", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("plain", "mödel"),
        fc.array(fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" })), {
          minLength: 1,
        }),
        (model, texts) => {
          const encoder = new ChunkEncoder({ ...head, model }, 0, requestOf());
          encoder.encode(startedEvent());
          // The first delta brings the role along.
          encoder.encode(textEvent("x"));
          for (const text of texts) {
            const chunk = encoder.encode(textEvent(text));
            if (encoder.isAscii) expect(Buffer.byteLength(chunk)).toBe(chunk.length);
            else if (text !== "" && model === "plain") expect(Buffer.byteLength(text)).not.toBe(text.length);
          }
        },
      ),
    );
  });
});
