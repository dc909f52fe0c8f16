import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  DeltaSchema,
  EmbeddedSchema,
  FinishedSchema,
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
  ToolChoice_Mode,
  type Usage,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { AnswerCheck } from "./answer-check.ts";
import { startedEvent, textEvent } from "./events.ts";

type Fields = Exclude<MessageInitShape<typeof GenerationSchema>, Generation>;

const checkOf = (fields: Fields = {}): AnswerCheck => {
  const messages = [{ parts: [{ part: { case: "text" as const, value: "Hello there" } }] }];
  const check = new AnswerCheck(create(GenerationSchema, { model: "m", messages, ...fields }), "Node `n`", {
    cutsUsage: true,
  });
  check.accept(startedEvent("n", "f"));
  return check;
};
const delta = (value: MessageInitShape<typeof DeltaSchema>): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "delta", value: create(DeltaSchema, value) } });
const call = (index: number, name = "f", id = `call_${index}`) => delta({ toolCalls: [{ index, id, name }] });
const embedded = (index: number, values: number[]): GenerationEvent =>
  create(GenerationEventSchema, {
    event: { case: "embedded", value: create(EmbeddedSchema, { index, values }) },
  });
const finished = (
  usage: Omit<Partial<Usage>, "$typeName" | "$unknown"> = {},
  reason: FinishReason = FinishReason.STOP,
  stop = "",
): GenerationEvent =>
  create(GenerationEventSchema, {
    event: { case: "finished", value: create(FinishedSchema, { reason, usage, stop }) },
  });
const usageOf = (event: GenerationEvent) =>
  event.event.case === "finished" ? event.event.value.usage : undefined;

const tools = [{ name: "f" }, { name: "g" }];

describe("a node that sends what nobody asked for", () => {
  test.each<{ what: string; asked?: Fields; sends: GenerationEvent[]; says: string }>([
    { what: "a tool call without tools", sends: [call(0)], says: "called a tool where none may be called" },
    {
      what: "a tool call where calls are forbidden",
      asked: { tools, toolChoice: { mode: ToolChoice_Mode.NONE } },
      sends: [call(0)],
      says: "called a tool where none may be called",
    },
    {
      what: "a call of an unknown tool",
      asked: { tools },
      sends: [call(0, "rm")],
      says: "a tool that it was not given",
    },
    {
      what: "a call of a tool that is not allowed",
      asked: { tools, toolChoice: { mode: ToolChoice_Mode.AUTO, allowedNames: ["g"] } },
      sends: [call(0, "f")],
      says: "a tool that it was not given",
    },
    {
      what: "a second call where one is allowed",
      asked: { tools, parallelToolCalls: false },
      sends: [call(0), call(1)],
      says: "more than the one tool call",
    },
    { what: "calls out of order", asked: { tools }, sends: [call(1)], says: "left out a tool call" },
    {
      what: "a call that begins twice",
      asked: { tools },
      sends: [call(0), call(0)],
      says: "started a tool call twice",
    },
    {
      what: "log probabilities",
      sends: [delta({ text: "a", logprobs: [{ token: { text: "a" } }] })],
      says: "log probabilities that were not asked for",
    },
    {
      what: "more log probabilities than were asked for",
      asked: { logprobs: { top: 1 } },
      sends: [
        delta({ text: "a", logprobs: [{ token: { text: "a" }, top: [{ text: "a" }, { text: "b" }] }] }),
      ],
      says: "more log probabilities",
    },
    { what: "an embedding", sends: [embedded(0, [1])], says: "an embedding that was not requested" },
    {
      what: "text in place of embeddings",
      asked: { embedding: { inputs: [{ prompt: { case: "text", value: "a" } }] } },
      sends: [textEvent("a", [])],
      says: "text where embeddings",
    },
    {
      what: "embeddings of different lengths",
      asked: {
        embedding: { inputs: ["a", "b"].map((value) => ({ prompt: { case: "text" as const, value } })) },
      },
      sends: [embedded(0, [1, 0]), embedded(1, [1])],
      says: "embeddings of different lengths",
    },
    {
      what: "an embedding that is not a number",
      asked: { embedding: { inputs: [{ prompt: { case: "text", value: "a" } }] } },
      sends: [embedded(0, [Number.NaN])],
      says: "an embedding without numbers",
    },
    {
      what: "a reason that does not exist",
      sends: [finished({}, 77 as FinishReason)],
      says: "finished without a reason",
    },
    {
      what: "the reason `tool_calls` without a call",
      asked: { tools },
      sends: [finished({}, FinishReason.TOOL_CALLS)],
      says: "tool calls that it has not made",
    },
    {
      what: "more text than 20 tokens can have",
      asked: { limits: { maxTokens: 20 } },
      sends: [textEvent("x".repeat(7_600_000), [])],
      says: "longer than its tokens can be",
    },
    {
      what: "the same in small pieces",
      asked: { limits: { maxTokens: 20 } },
      sends: Array.from({ length: 20 }, () => textEvent("x".repeat(1000), [1])),
      says: "longer than its tokens can be",
    },
    {
      what: "more token ids than were asked for",
      asked: { limits: { maxTokens: 20 } },
      sends: Array.from({ length: 21 }, () => textEvent("", [1])),
      says: "more than the 20 tokens",
    },
    { what: "`started` again", sends: [startedEvent("n", "f")], says: "`started` again" },
    { what: "something after the end", sends: [finished(), textEvent("a", [])], says: "after `finished`" },
  ])("such as $what has failed", ({ asked, sends, says }) => {
    const check = checkOf(asked);
    const send = () => sends.map((event) => check.accept(event));
    expect(send).toThrow(expect.objectContaining({ kind: "engine_failed" }));
    const again = checkOf(asked);
    expect(() => sends.map((event) => again.accept(event))).toThrow(says);
  });
});

test("a text that comes as bytes is held to the same limits", () => {
  const check = checkOf({ limits: { maxTokens: 2 } });
  check.acceptText(4, 1);
  check.acceptText(4, 1);
  expect(() => check.acceptText(4, 1)).toThrow("more than the 2 tokens");
  expect(() => checkOf({ limits: { maxTokens: 2 } }).acceptText(10_000, 0)).toThrow("longer than its tokens");
});

describe("usage", () => {
  const counted = (
    text: string,
    tokenIds: number[],
    claimed: Parameters<typeof finished>[0],
    fields: Fields = {},
  ) => {
    const check = checkOf(fields);
    check.accept(textEvent(text, tokenIds));
    const usage = usageOf(check.accept(finished(claimed)));
    return { usage, discrepancy: check.discrepancy, paceTokens: check.paceTokens };
  };

  test("of four billion for one character is one token", () => {
    const claimed = { promptTokens: 9, completionTokens: 4_000_000_000, reasoningTokens: 3_999_999_999 };
    expect(counted("a", [], claimed)).toMatchObject({
      usage: { promptTokens: 9, completionTokens: 1, reasoningTokens: 1 },
      discrepancy: 3_999_999_999,
    });
  });

  test("of 50,000 for `Hello there` is at most its bytes and what templates usually add", () => {
    const { usage, discrepancy } = counted("Hi.", [], { promptTokens: 50_000, completionTokens: 50_000 });
    expect(usage).toMatchObject({ promptTokens: 19, completionTokens: 3 });
    expect(discrepancy).toBe(100_000 - 22);
  });

  test("is the number of the ids where there are ids", () => {
    expect(counted("abc", [1, 2], { promptTokens: 9, completionTokens: 3 })).toMatchObject({
      usage: { completionTokens: 2 },
      discrepancy: 1,
    });
  });

  test("is never above `max_tokens`, and cached tokens never above those of the prompt", () => {
    const claimed = { promptTokens: 9, cachedTokens: 12, completionTokens: 40 };
    expect(counted("abc", [], claimed, { limits: { maxTokens: 5 } }).usage).toMatchObject({
      cachedTokens: 9,
      completionTokens: 5,
    });
  });

  test.each([
    { because: "a template has a page of rules", claimed: { promptTokens: 900, completionTokens: 2 } },
    { because: "marks are hidden", claimed: { promptTokens: 9, completionTokens: 40 } },
  ])("is believed when $because", ({ claimed }) => {
    expect(counted("abc", [], claimed)).toMatchObject({ usage: claimed, discrepancy: 0 });
  });

  test("does not decide what is learned of the speed", () => {
    expect(counted("Hello there", [], { completionTokens: 50_000 }).paceTokens).toBe(4);
    expect(counted("Hello there", [7, 8], { completionTokens: 50_000 }).paceTokens).toBe(2);
  });
});

test("a stop text that was not asked for is left out", () => {
  const check = checkOf({ limits: { stop: ["END"] } });
  const { event } = check.accept(finished({}, FinishReason.STOP, "something else"));
  expect(event).toMatchObject({ case: "finished", value: { stop: "" } });
  const other = checkOf({ limits: { stop: ["END"] } });
  expect(other.accept(finished({}, FinishReason.STOP, "END")).event).toMatchObject({
    value: { stop: "END" },
  });
});
