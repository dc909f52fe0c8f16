import fc from "fast-check";
import type OpenAI from "openai";
import { ResponseStream } from "openai/lib/responses/ResponseStream";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { FinishReason, type GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  deltaEvent,
  finishedEvent,
  startedEvent,
  textEvent,
} from "../../../../test/support/translator/translator.ts";
import { parseResponseRequest } from "../request/index.ts";
import { ResponseEncoder } from "./events.ts";
import {
  type ResponseHead,
  type ResponseObject,
  toEndedResponse,
  toFailedResponse,
} from "./response-object.ts";

type SdkResponse = OpenAI.Responses.Response;
type SdkEvent = OpenAI.Responses.ResponseStreamEvent;

const begunAt = 1_700_000_000;
const headOf = (more: Record<string, unknown> = {}): ResponseHead => ({
  id: "resp_1",
  createdAt: begunAt,
  settings: parseResponseRequest({ model: "m", input: "hi", ...more }).settings,
});

const call = (index: number, argumentsJson: string, id = "", name = "") =>
  deltaEvent({ toolCalls: [{ index, id, name, argumentsJson }] });
const thought = (reasoning: string) => deltaEvent({ reasoning });
const logprob = (text: string, value: number) => {
  const token = { text, bytes: new TextEncoder().encode(text), logprob: value };
  return { token, top: [token] };
};

/** A whole stream, and the response that it ends with. */
function streamOf(
  events: readonly GenerationEvent[],
  { summarizes = false, failure }: { summarizes?: boolean; failure?: MeshError } = {},
): { text: string; response: ResponseObject } {
  const head = headOf(summarizes ? { reasoning: { summary: "auto" } } : {});
  const encoder = new ResponseEncoder(head, summarizes);
  const { output } = encoder;
  const text = events.map((event) => encoder.encode(event)).join("");
  const response =
    failure === undefined
      ? toEndedResponse(head, output, begunAt + 2)
      : toFailedResponse(head, output, failure);
  return { text: text + encoder.end(response), response };
}

/** Each event, after a check that its name and its number are what they must be. */
function eventsOf(text: string): SdkEvent[] {
  const blocks = text.split("\n\n").slice(0, -1);
  return blocks.map((block, index) => {
    const [name, data, ...more] = block.split("\n");
    expect(more).toEqual([]);
    const event = JSON.parse(data!.replace(/^data: /, "")) as SdkEvent;
    expect(name).toBe(`event: ${event.type}`);
    expect(event.sequence_number).toBe(index);
    return event;
  });
}

/** The same text with ids that do not change from run to run. */
function withKnownIds(text: string): string {
  const known = new Map<string, string>();
  return text.replace(/\b(msg|rs|fc|call)_[0-9a-f]{32}\b/g, (id, prefix: string) => {
    if (!known.has(id)) known.set(id, `${prefix}_${known.size + 1}`);
    return known.get(id)!;
  });
}

const twoCalls = [
  startedEvent(),
  call(0, "", "call_a", "f"),
  call(0, '{"x":'),
  call(0, "1}"),
  call(1, "{}", "call_b", "g"),
  finishedEvent(FinishReason.TOOL_CALLS),
];

test.each([
  { name: "text", events: [startedEvent(), textEvent("Hello"), textEvent(' "you"\u2028'), finishedEvent()] },
  { name: "two-calls", events: twoCalls },
  {
    name: "thoughts-text-call",
    events: [
      startedEvent(),
      thought("Let me "),
      thought("see."),
      textEvent("I ask."),
      call(0, "{}", "", "f"),
      finishedEvent(FinishReason.TOOL_CALLS, {
        promptTokens: 9,
        completionTokens: 12,
        cachedTokens: 4,
        reasoningTokens: 5,
      }),
    ],
  },
  {
    name: "summary",
    events: [startedEvent(), thought("Hm."), textEvent("Yes."), finishedEvent()],
    summarizes: true,
  },
  {
    name: "logprobs",
    events: [startedEvent(), deltaEvent({ text: "Hi", logprobs: [logprob("Hi", -0.5)] }), finishedEvent()],
  },
  { name: "limit", events: [startedEvent(), textEvent("Cut"), finishedEvent(FinishReason.LENGTH)] },
  {
    name: "failure",
    events: [startedEvent(), textEvent("Broken")],
    failure: new MeshError("node_lost", "The node that answered has gone."),
  },
])("the stream of $name is exactly this", async ({ name, events, ...options }) => {
  const { text } = streamOf(events, options);
  eventsOf(text);
  await expect(withKnownIds(text)).toMatchFileSnapshot(`golden/${name}.sse`);
});

describe("the response", () => {
  test.each([
    { reason: FinishReason.STOP, status: "completed", details: null },
    { reason: FinishReason.TOOL_CALLS, status: "completed", details: null },
    { reason: FinishReason.LENGTH, status: "incomplete", details: { reason: "max_output_tokens" } },
    { reason: FinishReason.CONTENT_FILTER, status: "incomplete", details: { reason: "content_filter" } },
  ])("is $status after the finish reason $reason", ({ reason, status, details }) => {
    const { response, text } = streamOf([startedEvent(), textEvent("a"), finishedEvent(reason)]);
    expect(response).toMatchObject({ status, incomplete_details: details, error: null });
    expect(response.output[0]?.status).toBe(status);
    expect(response.completed_at).toBe(status === "completed" ? begunAt + 2 : null);
    expect(eventsOf(text).at(-1)?.type).toBe(`response.${status}`);
  });

  test("is a message without words when the model says nothing", () => {
    const { response, text } = streamOf([startedEvent(), finishedEvent()]);
    expect(response.output).toMatchObject([
      { type: "message", content: [{ type: "output_text", text: "" }] },
    ]);
    expect(eventsOf(text).map(({ type }) => type)).not.toContain("response.output_text.delta");
  });

  test("shows nothing for a sign of life", () => {
    const encoder = new ResponseEncoder(headOf(), false);
    const silent = [startedEvent(), deltaEvent({}), deltaEvent({ tokenIds: [1] })];
    expect(silent.map((event) => encoder.encode(event))).toEqual(["", "", ""]);
  });

  test.each([
    { kind: "rate_limited", code: "rate_limit_exceeded" },
    { kind: "engine_failed", code: "server_error" },
  ] as const)("that fails with $kind has the code $code and what it had said", ({ kind, code }) => {
    const { response } = streamOf([startedEvent(), textEvent("a")], { failure: new MeshError(kind, "Why.") });
    expect(response).toMatchObject({ status: "failed", error: { code, message: "Why." }, usage: null });
    expect(response.output).toMatchObject([{ status: "incomplete", content: [{ text: "a" }] }]);
  });

  test("does not reveal the message of a bug", () => {
    const { response } = streamOf([startedEvent(), textEvent("a")], {
      failure: new MeshError("internal", "secret"),
    });
    expect(JSON.stringify(response)).not.toContain("secret");
  });

  test("ends in an error when the engine goes back to a call that it had ended", () => {
    expect(() => streamOf([...twoCalls.slice(0, -1), call(0, "more")])).toThrow("returned to a tool call");
  });
});

/** What the SDK makes of a stream, event by event, without the response that the last one carries. */
async function accumulate(text: string, accept: (event: SdkEvent) => boolean): Promise<SdkResponse> {
  const events = eventsOf(text).slice(0, -1);
  const lines = events.filter(accept).map((event) => new TextEncoder().encode(`${JSON.stringify(event)}\n`));
  return ResponseStream.fromReadableStream(
    new ReadableStream({
      start(controller) {
        for (const line of lines) controller.enqueue(line);
        controller.close();
      },
    }),
  ).finalResponse();
}

type SdkItem = SdkResponse["output"][number];

/** What an item says, whatever its form. */
function textOf(item: SdkItem): string {
  if (item.type === "function_call") return item.arguments;
  if (item.type === "reasoning") return (item.content?.[0] ?? item.summary[0])?.text ?? "";
  const [part] = item.type === "message" ? item.content : [];
  return part?.type === "output_text" ? part.text : "";
}

test("whatever a model says, the SDK puts the events together to the same output", async () => {
  const piece = fc.oneof(
    fc.string({ unit: "grapheme" }).map((text) => deltaEvent({ text })),
    fc.string().map((text) => deltaEvent({ text, logprobs: [logprob(text, -1)] })),
    fc.string().map(thought),
    fc.constant("begin" as const),
    fc.string().map((argumentsJson) => ({ argumentsJson })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.boolean(), async (pieces, summarizes) => {
      const events = [startedEvent()];
      let calls = 0;
      let inCall = false;
      for (const each of pieces)
        if (each === "begin") {
          events.push(call(calls++, "", `call_${calls}`, "f"));
          inCall = true;
        } else if ("argumentsJson" in each) {
          if (inCall) events.push(call(calls - 1, each.argumentsJson));
        } else {
          events.push(each);
          inCall &&= each.event.case === "delta" && each.event.value.text + each.event.value.reasoning === "";
        }
      const { text, response } = streamOf([...events, finishedEvent()], { summarizes });
      expect((await accumulate(text, () => true)).output).toMatchObject(response.output);
      // The deltas alone say the same.
      const { output } = await accumulate(text, ({ type }) => !type.endsWith(".done"));
      expect(output.map(textOf)).toEqual(response.output.map((item) => textOf(item as SdkItem)));
    }),
    { numRuns: 200 },
  );
});
