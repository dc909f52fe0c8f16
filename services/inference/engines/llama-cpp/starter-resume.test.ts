import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import {
  answerOf,
  asks,
  inParallel,
  never,
  seeded,
  starterPath,
  starterVocabulary,
} from "../../../../test/support/inference/llama-cpp/engines.ts";
import type { Engine } from "../../engine.ts";
import type { Transcript } from "../../transcript.ts";
import { createLlamaCppEngine } from "./index.ts";

let first: Engine;
let second: Engine;

beforeAll(async () => {
  first = createLlamaCppEngine({ modelPath: starterPath, slots: 8 });
  second = createLlamaCppEngine({ modelPath: starterPath, slots: 8 });
  const [[one], [other]] = await Promise.all([first.models(never), second.models(never)]);
  expect(one!.fingerprint).toBe(other!.fingerprint);
});
afterAll(() => Promise.all([first.close(), second.close()]));

const questions = [
  "What is gRPC?",
  "Tell me a story about a fox.",
  "Count from 1 to 20.",
  "Write about streaming.",
  "Who are you?",
  "Write hello world in TypeScript.",
];

/** The answer up to a delta, as it may have arrived before the node was lost. */
function headOf({ deltas }: Transcript, count: number) {
  const arrived = deltas.slice(0, count);
  return {
    tokenIds: arrived.flatMap(({ tokenIds }) => tokenIds),
    text: arrived.map(({ text }) => text).join(""),
    reasoning: arrived.map(({ reasoning }) => reasoning).join(""),
    calls: arrived.flatMap(({ toolCalls }) => toolCalls),
  };
}

/** What a caller has in the end. */
const whole = (
  { tokenIds, text, reasoning, deltas, reason, usage }: Transcript,
  head?: ReturnType<typeof headOf>,
) => {
  const calls: string[] = [];
  for (const { index, id, name, argumentsJson } of [
    ...(head?.calls ?? []),
    ...deltas.flatMap(({ toolCalls }) => toolCalls),
  ])
    calls[index] = `${calls[index] ?? ""}${id}${name}${argumentsJson}`;
  return {
    tokenIds: [...(head?.tokenIds ?? []), ...tokenIds],
    text: (head?.text ?? "") + text,
    reasoning: (head?.reasoning ?? "") + reasoning,
    calls,
    reason,
    completionTokens: usage?.completionTokens,
  };
};

const schemaJson = JSON.stringify({
  type: "object",
  properties: {
    name: { type: "string", maxLength: 20 },
    age: { type: "integer" },
    tags: { type: "array", items: { type: "string", maxLength: 6 }, maxItems: 3 },
  },
  required: ["name", "age", "tags"],
});
const parametersJson =
  '{"type":"object","properties":{"city":{"type":"string","maxLength":12},"days":{"type":"integer"}},"required":["city","days"]}';
const tools = [
  { name: "get_weather", parametersJson },
  { name: "get_time", parametersJson },
];

describe.each<{ name: string; init: GenerationInit }>([
  { name: "greedy", init: {} },
  { name: "drawn with a seed", init: { sampling: { temperature: 0.8, seed: 5n } } },
  { name: "drawn without a seed", init: { id: "the same generation", sampling: { temperature: 1 } } },
  {
    name: "with penalties and bias",
    init: {
      sampling: {
        temperature: 0.9,
        seed: 2n,
        frequencyPenalty: 1,
        presencePenalty: 0.5,
        repetitionPenalty: 1.2,
        logitBias: { 300: 2 },
      },
    },
  },
  { name: "with stop texts", init: { limits: { stop: ["re", "10", ". T"] } } },
  { name: "to a limit", init: { limits: { maxTokens: 12 } } },
  {
    name: "as JSON of a schema",
    init: {
      sampling: { temperature: 1.2, seed: 8n },
      outputFormat: { format: { case: "jsonSchema", value: { schemaJson } } },
    },
  },
  {
    name: "as forced calls",
    init: { tools, toolChoice: { mode: ToolChoice_Mode.REQUIRED }, sampling: { temperature: 1.2, seed: 4n } },
  },
  { name: "with calls at will", init: { tools, messages: asks("What is the weather in Oslo?") } },
])("an answer $name", ({ init }) => {
  test("is continued by another engine, exactly, wherever it broke off", async () => {
    const random = seeded(init.limits?.maxTokens ?? 77);
    const generations = questions.map((question, index) => ({
      messages: asks(question),
      ...init,
      id: `resumed-${index}`,
    }));
    const unbroken = await inParallel(generations, 6, (generation) => answerOf(first, generation));
    const broken = unbroken.flatMap((transcript, index) =>
      [0, 1, 2].map(() => ({
        transcript,
        generation: generations[index]!,
        head: headOf(transcript, Math.floor(random() * (transcript.deltas.length + 1))),
      })),
    );
    await inParallel(broken, 8, async ({ transcript, generation, head }) => {
      const rest = await answerOf(second, {
        ...generation,
        resume: { tokenIds: head.tokenIds, text: head.text },
      });
      expect(whole(rest, head)).toEqual(whole(transcript));
    });
  });
});

test("what the model computes does not depend on what else is computed, nor where it was begun", async () => {
  const init = (question: string) => ({
    messages: asks(question),
    logprobs: { top: 5 },
    limits: { maxTokens: 40 },
  });
  const values = ({ logprobs }: Transcript) =>
    logprobs.flatMap(({ top }) => top.map(({ logprob }) => logprob));
  const long = `${"word ".repeat(150)} Count from 1 to 20.`;
  for (const question of ["Count from 1 to 20.", long]) {
    const alone = await answerOf(first, init(question));
    const others = questions.map((other) => answerOf(second, init(other)));
    const beside = await answerOf(second, init(question));
    await Promise.all(others);
    const again = await answerOf(second, init(question));
    // A rounding error of one bit would grow to some hundredths.
    for (const other of [beside, again])
      for (const [index, value] of values(other).entries())
        expect(value).toBeCloseTo(values(alone)[index]!, 5);
    const cut = alone.deltas.length >> 1;
    const rest = await answerOf(second, {
      ...init(question),
      resume: { tokenIds: headOf(alone, cut).tokenIds },
    });
    const told = alone.deltas.slice(cut).flatMap(({ logprobs }) => logprobs);
    expect(told.length).toBeGreaterThan(3);
    expect(rest.logprobs.map(({ token }) => token?.text)).toEqual(told.map(({ token }) => token?.text));
    for (const [index, { token }] of rest.logprobs.entries())
      expect(token?.logprob).toBeCloseTo(told[index]!.token!.logprob, 5);
  }
});

test("tokens that are not this model's, or do not have the form, are not continued", async () => {
  const end = (await starterVocabulary()).pieces.indexOf("<|im_end|>");
  const tokens = [[999_999], [end]];
  for (const tokenIds of tokens)
    await expect(answerOf(second, { messages: asks("Hi"), resume: { tokenIds } })).rejects.toMatchObject({
      kind: "engine_failed",
    });
  const { tokenIds } = await answerOf(first, { messages: asks("Hi") });
  const outputFormat = { format: { case: "jsonObject" as const, value: {} } };
  await expect(
    answerOf(second, { messages: asks("Hi"), outputFormat, resume: { tokenIds: [...tokenIds] } }),
  ).rejects.toMatchObject({ kind: "engine_failed" });
  expect((await answerOf(second, { messages: asks("Hi") })).tokenIds).toEqual(tokenIds);
});
