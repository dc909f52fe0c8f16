import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  FinishReason,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  deltaEvent,
  finishedEvent,
  startedEvent,
  textEvent,
} from "../../../../test/support/translator/translator.ts";
import type { MessagesRequest } from "../request/index.ts";
import { MessageCollector } from "./collector.ts";
import { MessageEncoder } from "./events.ts";

const head = { id: "msg_1", model: "m" };
const request: MessagesRequest = {
  generation: create(GenerationSchema, { model: "m" }),
  remoteImages: [],
  stream: true,
  showsThinking: true,
  maxTokens: 20,
};

/** The message that an answer makes. */
function messageOf(events: readonly GenerationEvent[], more: Partial<MessagesRequest> = {}) {
  const collector = new MessageCollector({ ...request, ...more });
  for (const event of events) collector.accept(event);
  return JSON.parse(collector.toJson(head));
}

/** The stream that an answer makes. */
function streamOf(events: readonly GenerationEvent[], more: Partial<MessagesRequest> = {}): string {
  const encoder = new MessageEncoder(head, { ...request, ...more });
  return events.map((event) => encoder.encode(event)).join("");
}

/** The data of its events; every one is named as its data says. */
const eventsOf = (stream: string) =>
  stream
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [name, data, ...rest] = event.split("\n");
      const parsed = JSON.parse(data!.slice("data: ".length));
      expect([name, rest]).toEqual([`event: ${parsed.type}`, []]);
      return parsed;
    });

const callEvent = (index: number, init: { id?: string; name?: string; argumentsJson?: string }) =>
  deltaEvent({ toolCalls: [{ index, ...init }] });

const usage = { promptTokens: 9, completionTokens: 12, cachedTokens: 4, reasoningTokens: 3 };
const counts = {
  input_tokens: 5,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 4,
  output_tokens: 12,
  output_tokens_details: { thinking_tokens: 3 },
  server_tool_use: null,
};

/** Thoughts, a text, two calls. */
const everything = [
  startedEvent(),
  deltaEvent({ reasoning: "Hm" }),
  deltaEvent({}),
  deltaEvent({ reasoning: "m." }),
  textEvent('Let me "look"'),
  textEvent(".\n"),
  callEvent(0, { id: "call_a", name: "look" }),
  callEvent(0, { argumentsJson: '{"at":' }),
  callEvent(0, { argumentsJson: '"cats"}' }),
  callEvent(1, { id: "call_b", name: "wait", argumentsJson: "{}" }),
  finishedEvent(FinishReason.TOOL_CALLS, usage),
];

test("a message has its blocks in the order in which they came", () => {
  expect(messageOf(everything)).toEqual({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [
      { type: "thinking", thinking: "Hmm.", signature: "" },
      { type: "text", text: 'Let me "look".\n', citations: null },
      { type: "tool_use", id: "toolu_a", name: "look", input: { at: "cats" }, caller: { type: "direct" } },
      { type: "tool_use", id: "toolu_b", name: "wait", input: {}, caller: { type: "direct" } },
    ],
    stop_reason: "tool_use",
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      ...counts,
      cache_creation: null,
      inference_geo: null,
      service_tier: "standard",
      speed: "standard",
    },
  });
});

test("a stream opens, fills and closes block after block, and ends with the whole usage", () => {
  const events = eventsOf(streamOf(everything));
  const [start, ...rest] = events;
  expect(start).toMatchObject({
    type: "message_start",
    message: { id: "msg_1", role: "assistant", content: [], stop_reason: null, usage: { output_tokens: 0 } },
  });
  const block = (index: number, content_block: object) => ({
    type: "content_block_start",
    index,
    content_block,
  });
  const delta = (index: number, delta: object) => ({ type: "content_block_delta", index, delta });
  const stop = (index: number) => ({ type: "content_block_stop", index });
  const call = { type: "tool_use", input: {}, caller: { type: "direct" } };
  expect(rest).toEqual([
    { type: "ping" },
    block(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "thinking_delta", thinking: "Hm" }),
    delta(0, { type: "thinking_delta", thinking: "m." }),
    stop(0),
    block(1, { type: "text", text: "", citations: null }),
    delta(1, { type: "text_delta", text: 'Let me "look"' }),
    delta(1, { type: "text_delta", text: ".\n" }),
    stop(1),
    block(2, { ...call, id: "toolu_a", name: "look" }),
    delta(2, { type: "input_json_delta", partial_json: '{"at":' }),
    delta(2, { type: "input_json_delta", partial_json: '"cats"}' }),
    stop(2),
    block(3, { ...call, id: "toolu_b", name: "wait" }),
    delta(3, { type: "input_json_delta", partial_json: "{}" }),
    stop(3),
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use", stop_sequence: null, stop_details: null, container: null },
      usage: counts,
    },
    { type: "message_stop" },
  ]);
});

test("nothing is shown before there is something to show", () => {
  expect(streamOf([startedEvent(), deltaEvent({}), deltaEvent({})])).toBe("");
});

test("an answer without anything is a message without content", () => {
  const events = [startedEvent(), finishedEvent()];
  expect(messageOf(events).content).toEqual([]);
  expect(eventsOf(streamOf(events)).map(({ type }) => type)).toEqual([
    "message_start",
    "ping",
    "message_delta",
    "message_stop",
  ]);
});

test("thinking that is not to be shown leaves no trace but its count", () => {
  const quiet = { showsThinking: false };
  expect(messageOf(everything, quiet).content[0].type).toBe("text");
  expect(messageOf(everything, quiet).usage.output_tokens_details).toEqual({ thinking_tokens: 3 });
  expect(streamOf(everything, quiet)).not.toContain("thinking_delta");
});

test("text behind a call is a block of its own", () => {
  const events = [
    startedEvent(),
    callEvent(0, { id: "c", name: "f", argumentsJson: "{}" }),
    textEvent("Done."),
  ];
  const types = messageOf([...events, finishedEvent()]).content.map(({ type }: { type: string }) => type);
  expect(types).toEqual(["tool_use", "text"]);
  const starts = eventsOf(streamOf([...events, finishedEvent()])).filter(
    ({ content_block }) => content_block,
  );
  expect(starts.map(({ index, content_block }) => [index, content_block.type])).toEqual([
    [0, "tool_use"],
    [1, "text"],
  ]);
});

test("a call that was cut has no input, and the message says that it was cut", () => {
  const cut = [startedEvent(), callEvent(0, { id: "c", name: "f", argumentsJson: '{"a":' })];
  const message = messageOf([...cut, finishedEvent(FinishReason.LENGTH, { completionTokens: 20 })]);
  expect(message).toMatchObject({ stop_reason: "max_tokens", content: [{ type: "tool_use", input: {} }] });
});

const finishedBy = (reason: FinishReason, stop = "", completionTokens = 12): GenerationEvent =>
  create(GenerationEventSchema, {
    event: { case: "finished", value: { reason, stop, usage: { completionTokens } } },
  });

test.each([
  { event: finishedBy(FinishReason.STOP), says: ["end_turn", null] },
  { event: finishedBy(FinishReason.STOP, "END"), says: ["stop_sequence", "END"] },
  { event: finishedBy(FinishReason.TOOL_CALLS, "END"), says: ["tool_use", null] },
  { event: finishedBy(FinishReason.LENGTH, "", 20), says: ["max_tokens", null] },
  { event: finishedBy(FinishReason.LENGTH, "", 19), says: ["model_context_window_exceeded", null] },
  { event: finishedBy(FinishReason.CONTENT_FILTER), says: ["refusal", null] },
])("an answer that ended for $event.event.value.reason says $says", ({ event, says }) => {
  const { stop_reason, stop_sequence } = messageOf([startedEvent(), event]);
  expect([stop_reason, stop_sequence]).toEqual(says);
  const { delta } = eventsOf(streamOf([startedEvent(), event])).at(-2);
  expect([delta.stop_reason, delta.stop_sequence]).toEqual(says);
});
