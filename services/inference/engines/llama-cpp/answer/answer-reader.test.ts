import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hermes, llama3, mistralList, mistralNamed } from "../notations/formats.ts";
import type { Notation } from "../notations/notation.ts";
import { AnswerReader, type AnswerReaderOptions } from "./answer-reader.ts";

const plain: AnswerReaderOptions = {
  thinking: "never",
  stops: [],
  notation: undefined,
  callable: new Set(["get_weather", "add"]),
  maxCalls: 128,
  trusted: false,
  forced: false,
};

/** What an answer comes to, however it is cut: text, thoughts, and calls as `name(arguments)`. */
function read(options: Partial<AnswerReaderOptions>, pieces: readonly string[]) {
  const reader = new AnswerReader({ ...plain, ...options });
  for (const piece of pieces) reader.push(piece);
  const over = reader.over;
  reader.end();
  const parts = reader.take();
  const joined = (kind: string) =>
    parts.map((part) => (part.kind === kind && "text" in part ? part.text : "")).join("");
  const calls: string[] = [];
  for (const part of parts)
    if (part.kind === "call") calls.push(`${part.name} `);
    else if (part.kind === "arguments" || part.kind === "decoded") calls[calls.length - 1] += part.text;
  return {
    text: joined("text"),
    reasoning: joined("reasoning"),
    calls,
    over,
    complete: reader.completeCalls,
  };
}

const expectSameHoweverCut = (options: Partial<AnswerReaderOptions>, text: string) => {
  const whole = read(options, [text]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((place, index) => text.slice(places[index], place));
      expect(read(options, pieces)).toEqual(whole);
    }),
  );
  expect(read(options, [...text])).toEqual(whole);
  return whole;
};

const oslo = '{"city": "Oslo \\"}<"}';

describe("calls that the model writes by itself", () => {
  test.each<{ notation: Notation; text: string; calls: string[]; left?: string }>([
    {
      notation: hermes,
      text: `<tool_call>{"name": "get_weather", "arguments": ${oslo}}</tool_call>`,
      calls: [`get_weather ${oslo}`],
    },
    {
      notation: hermes,
      text: `Let me see.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>\n<tool_call>\n{"arguments": {"a": 2}, "name": "add"}\n</tool_call> Done.`,
      calls: ['add {"a": 1}', 'add {"a": 2}'],
      left: "Let me see.\nDone.",
    },
    {
      notation: hermes,
      text: '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
      calls: ['add {"a": 1}'],
    },
    { notation: hermes, text: '<tool_call>{"name": "add"}</tool_call>', calls: ["add {}"] },
    { notation: hermes, text: '<tool_call>{"name": "add", "arguments": {"a": 1}}', calls: ['add {"a": 1}'] },
    {
      notation: llama3,
      text: `  {"name": "get_weather", "parameters": ${oslo}}`,
      calls: [`get_weather ${oslo}`],
      left: "  ",
    },
    {
      notation: llama3,
      text: '<|python_tag|>{"type": "function", "name": "add", "parameters": {"a": 1}}',
      calls: ['add {"a": 1}'],
    },
    {
      notation: mistralList,
      text: `[TOOL_CALLS] [{"name": "add", "arguments": {"a": [1, {}]}, "id": "x"}, {"name": "get_weather", "arguments": ${oslo}}]`,
      calls: ['add {"a": [1, {}]}', `get_weather ${oslo}`],
    },
    {
      notation: mistralNamed,
      text: `[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]get_weather[CALL_ID]abc[ARGS]${oslo}`,
      calls: ['add {"a": 1}', `get_weather ${oslo}`],
    },
  ])("$notation.name: $text", ({ notation, text, calls, left = "" }) => {
    const answer = expectSameHoweverCut({ notation }, text);
    expect(answer.calls).toEqual(calls);
    expect(answer.text).toBe(left);
    expect(answer.complete).toBe(calls.length);
  });
});

test.each<{ notation: Notation; text: string }>([
  { notation: hermes, text: 'A <tool_call>{"name": "nobody", "arguments": {}}</tool_call> B' },
  { notation: hermes, text: '<tool_call>{"name": "add", "arguments": [1]}</tool_call>' },
  { notation: hermes, text: '<tool_call>{"name": "add", "arguments": {"a": 01}}</tool_call>' },
  { notation: hermes, text: '<tool_call>{"name": "add", "arguments": {"a": ' },
  { notation: hermes, text: '<tool_call>{"name": "add"} </tool>' },
  { notation: hermes, text: '<tool_call>{"name": "", "arguments": {}}</tool_call>' },
  { notation: hermes, text: '<tool_call>{"arguments": {}}</tool_call>' },
  { notation: hermes, text: '<tool_call>{"name": "add", "arguments": {}, "parameters": {}}</tool_call>' },
  { notation: hermes, text: "I would write <tool_call> here, and <tool" },
  { notation: hermes, text: "<tool_call><tool_call>" },
  { notation: llama3, text: '{"answer": 42}' },
  { notation: llama3, text: '{"name": "Tom", "parameters": {}}' },
  { notation: llama3, text: 'See {"name": "add", "parameters": {}}' },
  { notation: mistralList, text: '[TOOL_CALLS] {"name": "add"}' },
  { notation: mistralList, text: '[TOOL_CALLS][{"name": "add", "arguments": {}}' },
  { notation: mistralNamed, text: "[TOOL_CALLS]add me[ARGS]{}" },
  { notation: mistralNamed, text: `[TOOL_CALLS]${"x".repeat(300)}` },
])("what is no call comes out as text, all of it: $notation.name: $text", ({ notation, text }) => {
  const answer = expectSameHoweverCut({ notation }, text);
  expect(answer).toMatchObject({ text, calls: [], complete: 0 });
});

test("a call behind something that is no call is found", () => {
  const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
  expect(expectSameHoweverCut({ notation: hermes }, `<tool_call>{"x<tool_call>${call}`)).toMatchObject({
    text: '<tool_call>{"x<tool_call>',
    calls: ["add {}"],
  });
});

test("the answer ends with the last call that is allowed", () => {
  const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
  expect(expectSameHoweverCut({ notation: hermes, maxCalls: 1 }, `${call}${call} more`)).toEqual({
    text: "",
    reasoning: "",
    calls: ["add {}"],
    over: "calls",
    complete: 1,
  });
});

test("arguments of a call that a grammar holds to its form come out while they are written", () => {
  const reader = new AnswerReader({ ...plain, notation: hermes });
  reader.push("<tool_call>");
  expect([reader.openedCall, reader.settledTo]).toEqual(["", 0]);
  reader.trustCall();
  reader.push('{"name": "add", "argu');
  expect(reader.take()).toEqual([{ kind: "call", name: "add", to: 25 }]);
  reader.push('ments": {"a"');
  expect(reader.take()).toEqual([{ kind: "arguments", from: 40, to: 44, text: '{"a"' }]);
  expect([reader.settledTo, reader.inTrustedCall]).toEqual([44, true]);
  reader.push(": 1}}</tool_call>");
  expect(reader.take()).toEqual([{ kind: "arguments", from: 44, to: 48, text: ": 1}" }]);
  expect([reader.inTrustedCall, reader.completeCalls]).toEqual([false, 1]);
});

test("what is left of a call that had to be made and was cut off is no text", () => {
  const options = { notation: hermes, trusted: true, forced: true } as const;
  expect(read(options, ['<tool_call>{"name": "ad'])).toMatchObject({ text: "", calls: [] });
  expect(read(options, ['<tool_call>{"name": "add", "arguments": {"a'])).toMatchObject({
    text: "",
    calls: ['add {"a'],
  });
});

describe("thoughts", () => {
  test.each([
    {
      thinking: "possible",
      text: "<think>\nLet me see. \n</think>\n\nIt is 4.",
      thought: "Let me see.",
      left: "It is 4.",
    },
    {
      thinking: "begun",
      text: "\nA < b\n\n</think>\n\nYes. <think> is a mark.",
      thought: "A < b",
      left: "Yes. <think> is a mark.",
    },
    { thinking: "possible", text: "<think></think>No.", thought: "", left: "No." },
    { thinking: "possible", text: " Hi <think>there</think>", thought: "", left: " Hi <think>there</think>" },
    { thinking: "possible", text: "<thi", thought: "", left: "<thi" },
    { thinking: "begun", text: "I was cut </thi", thought: "I was cut </thi", left: "" },
    { thinking: "never", text: "<think>a</think>", thought: "", left: "<think>a</think>" },
  ] as const)("$thinking: $text", ({ thinking, text, thought, left }) => {
    expect(expectSameHoweverCut({ thinking }, text)).toMatchObject({ reasoning: thought, text: left });
  });

  test("hold no calls and no stop texts", () => {
    const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
    const options = { thinking: "begun", notation: hermes, stops: ["STOP"] } as const;
    expect(expectSameHoweverCut(options, `${call} STOP</think>${call}Now STOP here`)).toMatchObject({
      reasoning: `${call} STOP`,
      calls: ["add {}"],
      text: "Now ",
      over: "stop",
    });
  });
});

test("a stop text does not reach into a call", () => {
  const call = '<tool_call>{"name": "add", "arguments": {"a": "END"}}</tool_call>';
  expect(expectSameHoweverCut({ notation: hermes, stops: ["END"] }, `The E${call}ND`)).toMatchObject({
    text: "The END",
    calls: ['add {"a": "END"}'],
    over: undefined,
  });
});

test("a brace opens a call without a mark at the beginning alone, not where text stands before it", () => {
  const text = '{"name": "add", "parameters": {"a": 1}}';
  expect(expectSameHoweverCut({ notation: llama3 }, text)).toMatchObject({ text: "", complete: 1 });
  expect(expectSameHoweverCut({ notation: llama3, begun: true }, text)).toMatchObject({ text, complete: 0 });
});
