import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hermes, llama3, mistralList, mistralNamed, type ToolCallFormat } from "../tool-calls/formats.ts";
import { AnswerReader, type AnswerReaderOptions } from "./answer-reader.ts";

const plain: AnswerReaderOptions = {
  thinking: "never",
  stops: [],
  toolCallFormat: undefined,
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
  test.each<{ toolCallFormat: ToolCallFormat; text: string; calls: string[]; left?: string }>([
    {
      toolCallFormat: hermes,
      text: `<tool_call>{"name": "get_weather", "arguments": ${oslo}}</tool_call>`,
      calls: [`get_weather ${oslo}`],
    },
    {
      toolCallFormat: hermes,
      text: `Let me see.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>\n<tool_call>\n{"arguments": {"a": 2}, "name": "add"}\n</tool_call> Done.`,
      calls: ['add {"a": 1}', 'add {"a": 2}'],
      left: "Let me see.\nDone.",
    },
    {
      toolCallFormat: hermes,
      text: '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
      calls: ['add {"a": 1}'],
    },
    { toolCallFormat: hermes, text: '<tool_call>{"name": "add"}</tool_call>', calls: ["add {}"] },
    {
      toolCallFormat: hermes,
      text: '<tool_call>{"name": "add", "arguments": {"a": 1}}',
      calls: ['add {"a": 1}'],
    },
    {
      toolCallFormat: llama3,
      text: `  {"name": "get_weather", "parameters": ${oslo}}`,
      calls: [`get_weather ${oslo}`],
      left: "  ",
    },
    {
      toolCallFormat: llama3,
      text: '<|python_tag|>{"type": "function", "name": "add", "parameters": {"a": 1}}',
      calls: ['add {"a": 1}'],
    },
    {
      toolCallFormat: mistralList,
      text: `[TOOL_CALLS] [{"name": "add", "arguments": {"a": [1, {}]}, "id": "x"}, {"name": "get_weather", "arguments": ${oslo}}]`,
      calls: ['add {"a": [1, {}]}', `get_weather ${oslo}`],
    },
    {
      toolCallFormat: mistralNamed,
      text: `[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]get_weather[CALL_ID]abc[ARGS]${oslo}`,
      calls: ['add {"a": 1}', `get_weather ${oslo}`],
    },
  ])("$toolCallFormat.name: $text", ({ toolCallFormat, text, calls, left = "" }) => {
    const answer = expectSameHoweverCut({ toolCallFormat }, text);
    expect(answer.calls).toEqual(calls);
    expect(answer.text).toBe(left);
    expect(answer.complete).toBe(calls.length);
  });
});

test.each<{ toolCallFormat: ToolCallFormat; text: string }>([
  { toolCallFormat: hermes, text: 'A <tool_call>{"name": "nobody", "arguments": {}}</tool_call> B' },
  { toolCallFormat: hermes, text: '<tool_call>{"name": "add", "arguments": [1]}</tool_call>' },
  { toolCallFormat: hermes, text: '<tool_call>{"name": "add", "arguments": {"a": 01}}</tool_call>' },
  { toolCallFormat: hermes, text: '<tool_call>{"name": "add", "arguments": {"a": ' },
  { toolCallFormat: hermes, text: '<tool_call>{"name": "add"} </tool>' },
  { toolCallFormat: hermes, text: '<tool_call>{"name": "", "arguments": {}}</tool_call>' },
  { toolCallFormat: hermes, text: '<tool_call>{"arguments": {}}</tool_call>' },
  {
    toolCallFormat: hermes,
    text: '<tool_call>{"name": "add", "arguments": {}, "parameters": {}}</tool_call>',
  },
  { toolCallFormat: hermes, text: "I would write <tool_call> here, and <tool" },
  { toolCallFormat: hermes, text: "<tool_call><tool_call>" },
  { toolCallFormat: llama3, text: '{"answer": 42}' },
  { toolCallFormat: llama3, text: '{"name": "Tom", "parameters": {}}' },
  { toolCallFormat: llama3, text: 'See {"name": "add", "parameters": {}}' },
  { toolCallFormat: mistralList, text: '[TOOL_CALLS] {"name": "add"}' },
  { toolCallFormat: mistralList, text: '[TOOL_CALLS][{"name": "add", "arguments": {}}' },
  { toolCallFormat: mistralNamed, text: "[TOOL_CALLS]add me[ARGS]{}" },
  { toolCallFormat: mistralNamed, text: `[TOOL_CALLS]${"x".repeat(300)}` },
])(
  "what is no call comes out as text, all of it: $toolCallFormat.name: $text",
  ({ toolCallFormat, text }) => {
    const answer = expectSameHoweverCut({ toolCallFormat }, text);
    expect(answer).toMatchObject({ text, calls: [], complete: 0 });
  },
);

test("a call behind something that is no call is found", () => {
  const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
  expect(expectSameHoweverCut({ toolCallFormat: hermes }, `<tool_call>{"x<tool_call>${call}`)).toMatchObject({
    text: '<tool_call>{"x<tool_call>',
    calls: ["add {}"],
  });
});

test("the answer ends with the last call that is allowed", () => {
  const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
  expect(expectSameHoweverCut({ toolCallFormat: hermes, maxCalls: 1 }, `${call}${call} more`)).toEqual({
    text: "",
    reasoning: "",
    calls: ["add {}"],
    over: "calls",
    complete: 1,
  });
});

test("arguments of a call that a grammar holds to its form come out while they are written", () => {
  const reader = new AnswerReader({ ...plain, toolCallFormat: hermes });
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
  const options = { toolCallFormat: hermes, trusted: true, forced: true } as const;
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
      thinking: "opened",
      text: "\nA < b\n\n</think>\n\nYes. <think> is a mark.",
      thought: "A < b",
      left: "Yes. <think> is a mark.",
    },
    { thinking: "possible", text: "<think></think>No.", thought: "", left: "No." },
    { thinking: "possible", text: " Hi <think>there</think>", thought: "", left: " Hi <think>there</think>" },
    { thinking: "possible", text: "<thi", thought: "", left: "<thi" },
    { thinking: "opened", text: "I was cut </thi", thought: "I was cut </thi", left: "" },
    { thinking: "never", text: "<think>a</think>", thought: "", left: "<think>a</think>" },
  ] as const)("$thinking: $text", ({ thinking, text, thought, left }) => {
    expect(expectSameHoweverCut({ thinking }, text)).toMatchObject({ reasoning: thought, text: left });
  });

  test("hold no calls and no stop texts", () => {
    const call = '<tool_call>{"name": "add", "arguments": {}}</tool_call>';
    const options = { thinking: "opened", toolCallFormat: hermes, stops: ["STOP"] } as const;
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
  expect(expectSameHoweverCut({ toolCallFormat: hermes, stops: ["END"] }, `The E${call}ND`)).toMatchObject({
    text: "The END",
    calls: ['add {"a": "END"}'],
    over: undefined,
  });
});

test("a brace opens a call without a mark at the beginning alone, not where text stands before it", () => {
  const text = '{"name": "add", "parameters": {"a": 1}}';
  expect(expectSameHoweverCut({ toolCallFormat: llama3 }, text)).toMatchObject({ text: "", complete: 1 });
  expect(expectSameHoweverCut({ toolCallFormat: llama3, continuesText: true }, text)).toMatchObject({
    text,
    complete: 0,
  });
});

test("an answer of openers that nothing closes is text, and is not read again from each of them", () => {
  const text = '<tool_call>{"a":['.repeat(20_000);
  const { text: shown, calls } = read({ toolCallFormat: hermes }, [text]);
  expect(shown).toBe(text);
  expect(calls).toEqual([]);
});
