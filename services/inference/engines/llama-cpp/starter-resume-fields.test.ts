import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Delta,
  FinishReason,
  ToolChoice_Mode,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import {
  answerOf,
  asks,
  inParallel,
  never,
  starterPath,
} from "../../../../test/support/inference/llama-cpp/engines.ts";
import type { Engine } from "../../engine.ts";
import type { Transcript } from "../../transcript.ts";
import { createLlamaCppEngine } from "./index.ts";

let first: Engine;
let second: Engine;

beforeAll(async () => {
  first = createLlamaCppEngine({ modelPath: starterPath, slots: 8 });
  second = createLlamaCppEngine({ modelPath: starterPath, slots: 8 });
  await Promise.all([first.models(never), second.models(never)]);
});
afterAll(() => Promise.all([first.close(), second.close()]));

/** All that deltas show, field by field, as a caller puts it together; and which of them opened which call. */
function joined(deltas: readonly Delta[]) {
  const pieces = deltas.flatMap(({ toolCalls }) => toolCalls);
  const calls: string[] = [];
  for (const { index, argumentsJson } of pieces) calls[index] = (calls[index] ?? "") + argumentsJson;
  return {
    text: deltas.map(({ text }) => text).join(""),
    reasoning: deltas.map(({ reasoning }) => reasoning).join(""),
    tokenIds: deltas.flatMap(({ tokenIds }) => tokenIds),
    calls,
    opened: pieces.flatMap(({ index, id, name }) => (id + name === "" ? [] : [{ index, id, name }])),
    likely: deltas.flatMap(({ logprobs }) =>
      logprobs.map(({ token, top }) => [token?.text, [...token!.bytes], ...top.map(({ text }) => text)]),
    ),
  };
}

const likelihoods = (deltas: readonly Delta[]): number[] =>
  deltas.flatMap(({ logprobs }) => logprobs.map(({ token }) => token!.logprob));

/** Cuts an answer behind each of its deltas and lets the other engine go on; returns how many cuts there were. */
async function expectWholeAtEveryCut(init: GenerationInit, whole: Transcript): Promise<number> {
  const { deltas, reason, stop, usage } = whole;
  const cuts = Array.from({ length: deltas.length + 1 }, (_, count) => count);
  await inParallel(cuts, 8, async (count) => {
    const head = deltas.slice(0, count);
    const { tokenIds, text } = joined(head);
    const rest = await answerOf(second, { ...init, resume: { tokenIds, text } });
    const both = [...head, ...rest.deltas];
    expect(joined(both), `cut behind ${count} deltas`).toEqual(joined(deltas));
    for (const [index, value] of likelihoods(both).entries())
      expect(value).toBeCloseTo(likelihoods(deltas)[index]!, 4);
    expect([rest.reason, rest.stop]).toEqual([reason, stop]);
    const { cachedTokens: _, ...counted } = usage!;
    expect(rest.usage).toMatchObject(counted);
  });
  return cuts.length;
}

const parametersJson = JSON.stringify({
  type: "object",
  properties: { city: { type: "string", maxLength: 12 }, days: { type: "integer" } },
  required: ["city", "days"],
});
const tools = [
  { name: "get_weather", parametersJson, strict: true },
  { name: "get_time", parametersJson },
];
const schemaJson = JSON.stringify({
  type: "object",
  properties: {
    name: { type: "string", maxLength: 20 },
    age: { type: "integer" },
    tags: { type: "array", items: { type: "string", maxLength: 6 }, maxItems: 3 },
  },
  required: ["name", "age", "tags"],
});
const outputFormat: GenerationInit["outputFormat"] = {
  format: { case: "jsonSchema", value: { schemaJson, strict: true } },
};

describe.each<{ form: string; question: string; init: GenerationInit; reason: FinishReason }>([
  {
    form: "calls that must be made",
    question: "What is the weather in Paris and in Oslo?",
    init: { tools, toolChoice: { mode: ToolChoice_Mode.REQUIRED }, limits: { maxTokens: 90 } },
    reason: FinishReason.TOOL_CALLS,
  },
  {
    form: "a call at will",
    question: "What is the weather in Oslo?",
    init: { tools },
    reason: FinishReason.TOOL_CALLS,
  },
  { form: "JSON of a schema", question: "Who are you?", init: { outputFormat }, reason: FinishReason.STOP },
  {
    form: "JSON of a schema or a call",
    question: "What is the weather in Oslo?",
    init: { outputFormat, tools },
    reason: FinishReason.TOOL_CALLS,
  },
  {
    form: "text up to a stop text",
    question: "Count from 1 to 20.",
    init: { limits: { stop: ["9, 1"] } },
    reason: FinishReason.STOP,
  },
])("an answer of $form", ({ question, init, reason }) => {
  test.each([
    { temperature: 0, seed: 1n },
    { temperature: 1.2, seed: 4n },
  ])("is whole in every field wherever it was cut, at temperature $temperature", async (sampling) => {
    const generation = {
      ...init,
      id: "cut anywhere",
      messages: asks(question),
      sampling,
      logprobs: { top: 2 },
    };
    const whole = await answerOf(first, generation);
    if (sampling.temperature === 0) expect(whole.reason).toBe(reason);
    expect(await expectWholeAtEveryCut(generation, whole)).toBeGreaterThan(5);
  });
});
