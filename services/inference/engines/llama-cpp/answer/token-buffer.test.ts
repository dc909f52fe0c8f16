import fc from "fast-check";
import { expect, test } from "vitest";
import type { Delta } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Metadata } from "../gguf/header.ts";
import { hermes } from "../tool-calls/formats.ts";
import { Vocabulary } from "../vocabulary.ts";
import { AnswerReader, type AnswerReaderOptions } from "./answer-reader.ts";
import { TokenBuffer } from "./token-buffer.ts";

/** A vocabulary of these pieces as GPT-2 writes them, followed by one token for each byte. */
function vocabularyOf(pieces: readonly string[]): Vocabulary {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).padStart(2, "0")}>`);
  return new Vocabulary(
    new Metadata(
      new Map<string, string | string[] | number[]>([
        ["tokenizer.ggml.model", "gpt2"],
        ["tokenizer.ggml.tokens", [...pieces, ...bytes]],
        ["tokenizer.ggml.token_type", [...pieces.map(() => 4), ...bytes.map(() => 6)]],
      ]),
    ),
  );
}

const pieces = [
  "one",
  " two",
  ", three",
  "END",
  "E",
  "N",
  "D",
  " tail",
  "<tool_call>",
  "</tool_call>",
  "<",
  "think",
  ">",
];
const vocabulary = vocabularyOf(pieces);
const tokensOf = (...texts: string[]): number[] =>
  texts.flatMap((text) => {
    const token = pieces.indexOf(text);
    return token >= 0 ? [token] : [...Buffer.from(text)].map((byte) => pieces.length + byte);
  });

const options: AnswerReaderOptions = {
  thinking: "never",
  stops: ["END"],
  toolCallFormat: hermes,
  callable: new Set(["f"]),
  maxCalls: 128,
  trusted: false,
  forced: false,
};

const bufferOf = (init: Partial<AnswerReaderOptions> = {}) => {
  const reader = new AnswerReader({ ...options, ...init });
  return { reader, buffer: new TokenBuffer("gen-1", vocabulary, reader) };
};

/** Every delta of an answer that consists of these tokens. */
function deltasOf(
  tokens: readonly number[],
  init: Partial<AnswerReaderOptions> = {},
  resumed: readonly number[] = [],
) {
  const { reader, buffer } = bufferOf(init);
  for (const token of resumed) buffer.push(token);
  buffer.skip();
  const deltas: Delta[] = [];
  for (const token of tokens) {
    if (reader.over !== undefined) break;
    buffer.push(token, { logprob: -1, top: [] });
    const parts = reader.over === undefined ? buffer.take() : undefined;
    if (parts !== undefined) deltas.push(parts);
  }
  buffer.end();
  const rest = buffer.take();
  return { deltas: rest === undefined ? deltas : [...deltas, rest], buffer };
}

test("the space before the first word is dropped in an answer, and kept where it goes on in a text", () => {
  const sentencePiece = new Vocabulary(
    new Metadata(
      new Map<string, string | string[] | number[]>([
        ["tokenizer.ggml.model", "llama"],
        ["tokenizer.ggml.tokens", ["▁Paris", "▁is"]],
        ["tokenizer.ggml.token_type", [1, 1]],
      ]),
    ),
  );
  const textOf = (continuesText: boolean) => {
    const reader = new AnswerReader(options);
    const buffer = new TokenBuffer("gen-1", sentencePiece, reader, { continuesText });
    for (const token of [0, 1]) buffer.push(token);
    buffer.end();
    return buffer.take()?.text;
  };
  expect([textOf(false), textOf(true)]).toEqual(["Paris is", " Paris is"]);
});

test("a token that may belong to a stop text waits, and so does its id", () => {
  const tokens = tokensOf("one", "E", "N", "E", "N", "D", " tail");
  const { deltas } = deltasOf(tokens);
  expect(deltas.map(({ text, tokenIds }) => [text, tokenIds])).toEqual([
    ["one", tokensOf("one")],
    ["EN", tokensOf("E", "N")],
    ["", tokensOf("E", "N", "D")],
  ]);
});

test("a token that is only partly a stop text shows the other part, at the end", () => {
  const { deltas } = deltasOf(tokensOf("one", ", three", "one"), { stops: ["reeo"] });
  expect(deltas.map(({ text, tokenIds }) => [text, tokenIds.length])).toEqual([
    ["one", 1],
    [", th", 2],
  ]);
});

test("the tokens of one character go out together", () => {
  const { deltas } = deltasOf(tokensOf("one", "🚀", " two"));
  expect(deltas.map(({ text, tokenIds }) => [text, tokenIds.length])).toEqual([
    ["one", 1],
    ["🚀", 4],
    [" two", 1],
  ]);
});

test("log probabilities come with their tokens and join to the text", () => {
  const { deltas } = deltasOf(tokensOf("one", "🚀", ", three", "one"), { stops: ["reeo"] });
  const logprobs = deltas.flatMap((delta) => delta.logprobs.map(({ token }) => token!));
  expect(Buffer.concat(logprobs.map(({ bytes }) => bytes)).toString()).toBe("one🚀, th");
  expect(logprobs.map(({ text }) => text)).toEqual(["one", "\ufffd", "\ufffd", "\ufffd", "\ufffd", ", th"]);
});

test("log probabilities are told of the answer's text alone", () => {
  const tokens = tokensOf(
    "<",
    "think",
    ">",
    "one",
    "</think>",
    " tail",
    "<tool_call>",
    '{"name": "f"}',
    "</tool_call>",
  );
  const { deltas } = deltasOf(tokens, { thinking: "possible" });
  expect(deltas.flatMap(({ logprobs }) => logprobs.map(({ token }) => token?.text))).toEqual(["tail"]);
});

test("calls have ids that another engine gives, too", () => {
  const tokens = tokensOf("<tool_call>", '{"name": "f", "arguments": {}}', "</tool_call>");
  const ids = [1, 2].map(() =>
    deltasOf([...tokens, ...tokens]).deltas.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id)),
  );
  expect(ids[0]).toEqual(ids[1]);
  expect(new Set(ids[0]).size).toBe(2);
  for (const id of ids[0]!) expect(id).toMatch(/^call_[0-9A-Za-z]{24}$/);
});

test("an answer that is continued from any delta comes out whole: nothing lost, nothing twice", () => {
  const token = fc.constantFrom(
    ...Array.from({ length: pieces.length }, (_, index) => index),
    ...tokensOf('{"name": "f"}', "🚀é"),
  );
  const call = fc.constant(
    tokensOf("<tool_call>", '{"name": "f", "arguments": {"a": "🚀"}}', "</tool_call>"),
  );
  const thought = fc.constant(tokensOf("<", "think", ">", "one", "</think>"));
  fc.assert(
    fc.property(
      fc.option(thought, { nil: [] }),
      fc.array(fc.oneof(fc.array(token), call), { maxLength: 5 }),
      fc.nat(),
      fc.boolean(),
      (head, parts, cut, trusted) => {
        const tokens = [...head, ...parts.flat()];
        const init = { thinking: "possible", trusted } as const;
        const { deltas } = deltasOf(tokens, init);
        const seen = deltas.slice(0, cut % (deltas.length + 1));
        const resumed = seen.flatMap(({ tokenIds }) => tokenIds);
        const { deltas: rest } = deltasOf(tokens.slice(resumed.length), init, resumed);
        expect(join([...seen, ...rest])).toEqual(join(deltas));
      },
    ),
    { numRuns: 1000 },
  );
});

/** What a caller makes of deltas. */
function join(deltas: readonly Delta[]) {
  const calls: string[] = [];
  for (const { index, name, argumentsJson } of deltas.flatMap(({ toolCalls }) => toolCalls))
    calls[index] = (calls[index] ?? "") + name + argumentsJson;
  return {
    text: deltas.map(({ text }) => text).join(""),
    reasoning: deltas.map(({ reasoning }) => reasoning).join(""),
    tokenIds: deltas.flatMap(({ tokenIds }) => tokenIds),
    calls,
  };
}

test("tokens of thoughts are counted", () => {
  const { buffer } = deltasOf(tokensOf("<", "think", ">", "one", " two", "</think>", " tail"), {
    thinking: "possible",
  });
  expect(buffer.reasoningTokens).toBe(2 + 1 + "</think>".length);
});

test("of a token that the answer goes on inside of, only what is new shows, and is told of", () => {
  const { reader, buffer } = bufferOf();
  buffer.push(tokensOf(", three")[0]!, { logprob: -1, top: [] }, ", th".length);
  buffer.push(tokensOf(" tail")[0]!, { logprob: -2, top: [] });
  expect(reader.over).toBeUndefined();
  const parts = buffer.take();
  expect([parts?.text, parts?.tokenIds]).toEqual(["ree tail", tokensOf(", three", " tail")]);
  expect(parts?.logprobs.map(({ token }) => [token?.text, token?.logprob])).toEqual([
    ["ree", -1],
    [" tail", -2],
  ]);
});
