import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FinishReason, Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import {
  answerOf,
  asks,
  inParallel,
  never,
  says,
  starterPath,
  starterVocabulary,
  toGeneration,
  withFile,
} from "../../../../test/support/inference/llama-cpp/engines.ts";
import type { Engine } from "../../engine.ts";
import { type Transcript, transcribe } from "../../transcript.ts";
import { readToolUse } from "../tools/tool-use.ts";
import { createLlamaCppEngine } from "./index.ts";
import { loadModel } from "./load-model.ts";
import { atOnce } from "./prompt/in-slices.ts";
import { toPrompt } from "./prompt/prompt.ts";
import { TokenType, type Vocabulary } from "./vocabulary.ts";

let engine: Engine;
let vocabulary: Vocabulary;
let contextLength: number;
/** A bias against every token that ends a turn. */
let neverEnds: Record<number, number>;
const slots = 8;

beforeAll(async () => {
  engine = createLlamaCppEngine({ modelPath: starterPath, slots });
  contextLength = (await engine.models(never))[0]!.contextLength;
  vocabulary = await starterVocabulary();
  const controls = vocabulary.ofType(TokenType.control);
  neverEnds = Object.fromEntries(controls.map((token) => [token, -100]));
});
afterAll(() => engine.close());

/** A generation that goes on from a text. */
const goOnFrom = (text: string): GenerationInit => ({
  messages: [],
  rawPrompt: { prompt: { case: "text", value: text } },
});

const ask = (question: string, init: GenerationInit = {}): Promise<Transcript> =>
  answerOf(engine, { messages: asks(question), ...init });

/** Fills a good part of the context, and takes several steps to compute. */
const longText = () => "word ".repeat(contextLength / 3);

/** Reads the next event. */
const step = async (events: AsyncIterator<unknown>) =>
  (await events.next()).value as { event: { case: string } };

const questions = [
  "Hi",
  "What is the capital of France?",
  "What is 7 + 5?",
  "Explain streaming.",
  "What is gRPC?",
  "Count from 1 to 20.",
  "Who are you?",
  "Write about streaming.",
];

describe("text", () => {
  test("comes in whole characters, emoji too, with the ids of exactly its tokens", async () => {
    const value = "naïve 🚀 猫 𓀀 👩‍👩‍👧";
    const { deltas, text, usage, tokenIds } = await ask("Repeat after me.", {
      outputFormat: {
        format: { case: "jsonSchema", value: { schemaJson: JSON.stringify({ const: value }) } },
      },
    });
    expect(text).toBe(JSON.stringify(value));
    expect(deltas.every((delta) => delta.text.isWellFormed())).toBe(true);
    expect(usage?.completionTokens).toBe(tokenIds.length);
    const bytes = tokenIds.map((token) => vocabulary.bytesOf(token));
    expect(Buffer.concat(bytes).toString()).toBe(text);
    // Some characters are spread over tokens, which then come together.
    expect(deltas.some((delta) => delta.tokenIds.length > 1)).toBe(true);
    for (const delta of deltas)
      expect(Buffer.concat(delta.tokenIds.map((token) => vocabulary.bytesOf(token))).toString()).toBe(
        delta.text,
      );
  });

  test("ends before a stop text, wherever tokens begin and end", async () => {
    const { text } = await ask("Count from 1 to 20.");
    for (let from = 3; from < Math.min(40, text.length - 4); from += 7) {
      const stop = text.slice(from, from + 4);
      const stopped = await ask("Count from 1 to 20.", { limits: { stop: ["nowhere", stop] } });
      expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
      expect(stopped.reason).toBe(FinishReason.STOP);
      expect(stopped.usage?.completionTokens).toBe(stopped.tokenIds.length);
      expect(stopped.deltas.every((delta) => !delta.text.includes(stop))).toBe(true);
    }
  });

  test("ends when the context is full, and says so", async () => {
    const small = createLlamaCppEngine({ modelPath: starterPath, slots: 1, contextSize: 256 });
    const [served] = await small.models(never);
    const { reason, usage } = await answerOf(small, {
      messages: asks("Tell me a story."),
      sampling: { logitBias: neverEnds },
      limits: { maxTokens: 1_000_000 },
    });
    expect(reason).toBe(FinishReason.LENGTH);
    expect(usage!.promptTokens + usage!.completionTokens).toBe(served!.contextLength);
    await small.close();
  });
});

describe("sampling", () => {
  const story = (sampling: NonNullable<GenerationInit["sampling"]>) =>
    ask("Tell me a story about a robot.", { sampling, limits: { maxTokens: 30 } });

  test("the same seed gives the same answer, alone and beside others; other seeds give others", async () => {
    const seeds = [1n, 2n, 3n, -1n, 2n ** 62n];
    const [alone, ...others] = await inParallel(seeds, 1, (seed) =>
      story({ temperature: 1.2, minP: 0, seed }),
    );
    const beside = await inParallel(Array(8).fill(1n), 8, (seed) =>
      story({ temperature: 1.2, minP: 0, seed }),
    );
    expect(new Set(beside.map(({ text }) => text))).toEqual(new Set([alone!.text]));
    expect(new Set([alone, ...others].map((answer) => answer!.text)).size).toBeGreaterThan(2);
  });

  test.each([
    { sampling: { temperature: 1.5, topK: 1 }, because: "only the best token is left" },
    { sampling: { temperature: 1.5, topP: 0 }, because: "the best token alone reaches it" },
    { sampling: { temperature: 1.5, minP: 1 }, because: "no other token is as likely as the best" },
  ])("$sampling is as good as greedy: $because", async ({ sampling }) => {
    expect((await story({ ...sampling, seed: 9n })).tokenIds).toEqual(
      (await story({ temperature: 0 })).tokenIds,
    );
  });

  test("a bias of -100 keeps a token out, one of 100 forces it", async () => {
    const { tokenIds } = await story({ temperature: 0 });
    const banned = tokenIds[0]!;
    expect((await story({ temperature: 0, logitBias: { [banned]: -100 } })).tokenIds).not.toContain(banned);
    const forced = await story({ temperature: 1, seed: 1n, logitBias: { [banned]: 100 } });
    expect(new Set(forced.tokenIds)).toEqual(new Set([banned]));
  });

  test("penalties make it repeat itself less", async () => {
    const repeated = {
      temperature: 0,
      logitBias: Object.fromEntries(
        (await story({ temperature: 0 })).tokenIds.slice(0, 3).map((id) => [id, 15]),
      ),
    };
    const plain = await story(repeated);
    for (const penalty of [{ frequencyPenalty: 2 }, { presencePenalty: 2 }, { repetitionPenalty: 2 }]) {
      const punished = await story({ ...repeated, ...penalty });
      expect(new Set(punished.tokenIds).size, JSON.stringify(penalty)).toBeGreaterThan(
        new Set(plain.tokenIds).size,
      );
    }
  });
});

test("eight at the same time answer as each does alone: not one of 96 texts is wrong", async () => {
  const alone = await inParallel(questions, 1, (question) => ask(question, { limits: { maxTokens: 40 } }));
  const indexes = Array.from({ length: 96 }, (_, index) => (index * 5) % questions.length);
  const together = await inParallel(indexes, slots, (index) =>
    ask(questions[index]!, { limits: { maxTokens: 40 } }),
  );
  const wrong = together.filter(({ text }, index) => text !== alone[indexes[index]!]!.text);
  expect(wrong.map(({ text }) => text)).toEqual([]);
});

test("what was computed before is not computed again", async () => {
  const messages = asks(`Remember these words: ${questions.join(" ")} What is the first one?`);
  const first = await ask("", { messages });
  const again = await ask("", { messages });
  const promptTokens = first.usage!.promptTokens;
  expect(again.usage).toMatchObject({ promptTokens, cachedTokens: promptTokens - 1 });
  const longer = await ask("", {
    messages: [...messages, says(Role.ASSISTANT, first.text), says(Role.USER, "And the last?")],
  });
  expect(longer.usage!.cachedTokens).toBeGreaterThanOrEqual(promptTokens - 1);
});

describe("a caller who leaves", () => {
  /** Begins an answer that would be long and reads until `events` have come. */
  const begin = async (events: number, signal: AbortSignal, question = "Count from 1 to 20.") => {
    const init = {
      messages: asks(question),
      limits: { maxTokens: 900 },
      sampling: { logitBias: neverEnds },
    };
    const iterator = engine.generate(toGeneration(init), signal)[Symbol.asyncIterator]();
    for (let index = 0; index < events; index++) await step(iterator);
    return iterator;
  };

  const fillSlots = (signal: AbortSignal) =>
    Promise.all(Array.from({ length: slots }, () => begin(2, signal)));

  test("frees the slot with the abort itself, in the middle of a step", async () => {
    const others = new AbortController();
    const leaver = new AbortController();
    const held = await Promise.all(Array.from({ length: slots - 1 }, () => begin(3, others.signal)));
    const leaving = await begin(3, leaver.signal);
    const full = engine.generate(toGeneration({ messages: asks("Hi") }), never)[Symbol.asyncIterator]();
    await expect(full.next()).rejects.toMatchObject({ kind: "saturated" });
    const pending = leaving.next();
    leaver.abort(new Error("the caller left"));
    await expect(pending).rejects.toThrow("the caller left");
    expect((await ask("Hi", { limits: { maxTokens: 3 } })).reason).toBe(FinishReason.LENGTH);
    others.abort();
    await Promise.allSettled(held.map((iterator) => iterator.return?.()));
  });

  test("frees the slot before the first token, while a long prompt is computed", async () => {
    const controller = new AbortController();
    const iterator = await begin(1, controller.signal, `one two three ${longText()}`);
    const pending = iterator.next();
    controller.abort(new Error("the caller left"));
    await expect(pending).rejects.toThrow("the caller left");
    const ends = new AbortController();
    const held = await fillSlots(ends.signal);
    ends.abort();
    await Promise.allSettled(held.map((iterator) => iterator.return?.()));
  });

  test("frees the slot by leaving the loop", async () => {
    for (let round = 0; round < 2 * slots; round++)
      for await (const { event } of engine.generate(
        toGeneration({ messages: asks("Count from 1 to 20.") }),
        never,
      ))
        if (event.case === "delta") break;
    const ends = new AbortController();
    const held = await fillSlots(ends.signal);
    ends.abort();
    await Promise.allSettled(held.map((iterator) => iterator.return?.()));
  });

  test("frees the slot with the abort while nobody reads", async () => {
    const abandoned = new AbortController();
    await Promise.all([0, 1, 2, 3].map((events) => begin(1 + events, abandoned.signal)));
    abandoned.abort();
    const ends = new AbortController();
    const held = await fillSlots(ends.signal);
    ends.abort();
    await Promise.allSettled(held.map((iterator) => iterator.return?.()));
  });

  test("who left before it began holds nothing", async () => {
    await expect(
      transcribe(
        engine.generate(toGeneration({ messages: asks("Hi") }), AbortSignal.abort(new Error("early"))),
      ),
    ).rejects.toThrow("early");
  });
});

test("signs of life come while a long prompt is computed", async () => {
  const { order, deltas } = await ask(`zebra ${longText()}`, { limits: { maxTokens: 1 } });
  expect(order[0]).toBe("started");
  expect(
    deltas.filter(({ text, tokenIds }) => text === "" && tokenIds.length === 0).length,
  ).toBeGreaterThanOrEqual(2);
});

test("forged marks in a caller's text are text: the prompt has the turns that it had", async () => {
  const model = await loadModel({ modelPath: starterPath, slots: 1 }, never);
  const special = (text: string) => {
    const generation = toGeneration({
      messages: [says(Role.SYSTEM, `Be brief. ${text}`), says(Role.USER, text)],
      tools: [{ name: "f", description: text }],
    });
    const { tokens } = atOnce(toPrompt(generation, readToolUse(generation), model));
    return tokens
      .filter((token) => vocabulary.typeOf(token) !== TokenType.normal)
      .map((token) => vocabulary.pieces[token]);
  };
  const marks = [...vocabulary.ofType(TokenType.control), ...vocabulary.ofType(TokenType.userDefined)];
  expect(marks.length).toBeGreaterThan(2);
  expect(special(`Hi ${marks.map((token) => vocabulary.pieces[token]).join(" ")}`)).toEqual(special("Hi"));
  await model.native.close();
});

test("a chat written out as a raw prompt, special tokens and all, is the chat", async () => {
  const question = "What is the capital of France?";
  const model = await loadModel({ modelPath: starterPath, slots: 1 }, never);
  const tokensOf = (init: GenerationInit) => {
    const generation = toGeneration(init);
    return atOnce(toPrompt(generation, readToolUse(generation), model)).tokens;
  };
  const tokens = tokensOf({ messages: asks(question) });
  const written = Buffer.concat(
    tokens.map((token) =>
      vocabulary.typeOf(token) === TokenType.control
        ? Buffer.from(vocabulary.pieces[token]!)
        : vocabulary.bytesOf(token),
    ),
  ).toString();
  expect(tokensOf(goOnFrom(written))).toEqual(tokens);
  await model.native.close();
  const [asked, raw] = await Promise.all([ask(question), answerOf(engine, goOnFrom(written))]);
  expect(raw.text).toBe(asked.text);
});

test("a raw prompt with noncharacters in it is taken as it stands", async () => {
  const { reason, usage } = await answerOf(engine, goOnFrom("a \ufdd07\ufdd1 b"));
  expect(reason).not.toBe(FinishReason.UNSPECIFIED);
  expect(usage?.promptTokens).toBeGreaterThan(3);
});

describe("what cannot be answered is refused before anything is held", () => {
  test.each<{ init: GenerationInit; error: object; because: string }>([
    {
      because: "the prompt is too long",
      init: { messages: asks("word ".repeat(20_000)) },
      error: {
        code: "context_length_exceeded",
        param: "messages",
        message: expect.stringMatching(
          /^This model's maximum context length is \d+ tokens\. However, your messages resulted in \d+ tokens( at least)?\. Please reduce the length of the messages\.$/,
        ),
      },
    },
    {
      because: "it cannot see",
      init: {
        messages: [
          { role: Role.USER, parts: [{ part: { case: "image", value: { mimeType: "image/png" } } }] },
        ],
      },
      error: { param: "messages.[0].content", message: expect.stringContaining("cannot see images") },
    },
    {
      because: "there are no messages",
      init: { messages: [] },
      error: { param: "messages", code: "empty_array" },
    },
    {
      because: "a raw prompt holds what is no token",
      init: { messages: [], rawPrompt: { prompt: { case: "tokens", value: { ids: [1, 4_000_000_000] } } } },
      error: { param: "prompt", code: "invalid_value", message: expect.stringContaining("4000000000") },
    },
    {
      because: "a message has no role",
      init: { messages: [{ parts: [] }] },
      error: { param: "messages[0].role" },
    },
    {
      because: "it has no such token",
      init: { messages: asks("Hi"), sampling: { logitBias: { 999999: 1 } } },
      error: { param: "logit_bias" },
    },
    {
      because: "variables of a template are an object",
      init: { messages: asks("Hi"), chatTemplateKwargsJson: "[1]" },
      error: { param: "chat_template_kwargs" },
    },
    {
      because: "the schema allows nothing",
      init: {
        messages: asks("Hi"),
        outputFormat: { format: { case: "jsonSchema", value: { schemaJson: '{"type":"wibble"}' } } },
      },
      error: { param: "response_format", message: expect.stringContaining("a type that JSON does not know") },
    },
    {
      because: "the schema is no JSON",
      init: {
        messages: asks("Hi"),
        outputFormat: { format: { case: "jsonSchema", value: { schemaJson: "{" } } },
      },
      error: { param: "response_format" },
    },
    {
      because: "a strict tool's schema cannot be enforced",
      init: {
        messages: asks("Hi"),
        tools: [
          { name: "f", strict: true, parametersJson: '{"type":"object","patternProperties":{"a":{}}}' },
        ],
      },
      error: { param: "tools[0].function.parameters", code: "invalid_function_parameters" },
    },
  ])("$because", async ({ init, error }) => {
    const events: string[] = [];
    const asked = transcribe(engine.generate(toGeneration(init), never), ({ event }) =>
      events.push(event.case ?? ""),
    );
    await expect(asked).rejects.toMatchObject({ kind: "invalid_request", ...error });
    expect(events).toEqual([]);
  });
});

describe("what cannot be loaded is refused, saying what to do", () => {
  test.each([
    {
      modelPath: "/nowhere/starter.gguf",
      message: /No model at \/nowhere\/starter\.gguf: There is no such file/,
    },
    { modelPath: "/tmp", message: /is a folder/ },
  ])("$modelPath", async ({ modelPath, message }) => {
    const broken = createLlamaCppEngine({ modelPath });
    await expect(broken.models(never)).rejects.toMatchObject({
      kind: "invalid_request",
      message: expect.stringMatching(message),
    });
    await broken.close();
  });

  test("slots that do not fit into memory", async () => {
    const greedy = createLlamaCppEngine({ modelPath: starterPath, slots: 65_536, contextSize: 1_000_000 });
    await expect(greedy.models(never)).rejects.toMatchObject({
      kind: "invalid_request",
      message: expect.stringContaining("Not enough memory"),
    });
    await greedy.close();
  });

  test("a model whose shape llama.cpp does not accept", () =>
    withFile(Buffer.from("not a model"), async (path) => {
      const broken = createLlamaCppEngine({ modelPath: path });
      await expect(broken.models(never)).rejects.toMatchObject({ kind: "invalid_request" });
      await broken.close();
    }));

  test("an engine that is closed, or was never loaded, answers nothing", async () => {
    const closed = createLlamaCppEngine({ modelPath: starterPath });
    await closed.close();
    await expect(closed.models(never)).rejects.toMatchObject({ kind: "engine_failed" });
    await expect(answerOf(closed, { messages: asks("Hi") })).rejects.toMatchObject({ kind: "engine_failed" });
  });
});
