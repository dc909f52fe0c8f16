import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FinishReason, Role, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../../../../test/support/inference/fake-engine.ts";
import {
  answerOf,
  asks,
  inParallel,
  never,
  says,
  starterPath,
  starterVocabulary,
} from "../../../../test/support/inference/llama-cpp/engines.ts";
import type { Engine } from "../../engine.ts";
import { createLlamaCppEngine } from "./index.ts";

let engine: Engine;
/** A strong bias towards the mark that opens a call. */
let wantsCalls: Record<number, number>;
const slots = 8;

beforeAll(async () => {
  engine = createLlamaCppEngine({ modelPath: starterPath, slots });
  await engine.models(never);
  wantsCalls = { [(await starterVocabulary()).special("<tool_call>")!]: 30 };
});
afterAll(() => engine.close());

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const string = { type: "string", maxLength: 8 };
const integer = { type: "integer" };
const object = (properties: Record<string, unknown>, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

const schemas: readonly object[] = [
  object({ name: string, age: integer }),
  object({ ok: { type: "boolean" }, n: { type: "null" } }),
  object({ a: integer, b: integer, c: integer, d: integer }, ["b"]),
  object({ city: { type: ["string", "null"], maxLength: 10 } }),
  object({ kind: { enum: ["red", "green", "blue"] }, code: { const: 7 } }),
  object({ value: { anyOf: [string, integer, { type: "null" }] } }),
  object({ tags: { type: "array", items: { enum: ["a", "b"] }, minItems: 1, maxItems: 3 } }),
  object({
    matrix: {
      type: "array",
      minItems: 2,
      maxItems: 2,
      items: { type: "array", items: integer, minItems: 2, maxItems: 2 },
    },
  }),
  object({ pair: { type: "array", prefixItems: [string, { type: "boolean" }], items: false, minItems: 2 } }),
  object({ score: { type: "number", minimum: 0, maximum: 1 } }),
  object({ stars: { type: "integer", minimum: 1, maximum: 5 }, low: { type: "integer", maximum: -10 } }),
  object({ between: { type: "number", exclusiveMinimum: -2.5, exclusiveMaximum: 12.25 } }),
  object({ code: { type: "string", pattern: "^[A-Z]{3}-\\d{2}$" } }),
  object({ quoted: { type: "string", pattern: '^"[a-z\\\\]{1,4}"$' } }),
  object({ day: { type: "string", format: "date" }, id: { type: "string", format: "uuid" } }),
  object({ exactly: { type: "string", minLength: 3, maxLength: 3 } }),
  { type: "object", additionalProperties: integer, maxProperties: 9 },
  { type: "array", items: object({ x: integer }), maxItems: 3 },
  { enum: ["yes", "no", 3, null, { a: [1] }] },
  { type: "integer", minimum: 10, maximum: 99 },
  {
    $ref: "#/$defs/tree",
    $defs: { tree: object({ v: integer, next: { anyOf: [{ type: "null" }, { $ref: "#/$defs/tree" }] } }) },
  },
  { allOf: [object({ a: integer, b: string }, ["a"]), { properties: { a: { minimum: 5, maximum: 9 } } }] },
  {
    anyOf: [
      object({ type: { const: "cat" }, lives: { type: "integer", minimum: 1, maximum: 9 } }),
      object({ type: { const: "dog" } }),
    ],
  },
  object({ 'naïve key "quoted"': { type: "boolean" }, "\\": { type: "null" } }),
];

test("JSON is valid for its schema at temperature 1.5, for each of many schemas", async () => {
  const runs = schemas.flatMap((schema) => [1n, 2n].map((seed) => ({ schema, seed })));
  let finished = 0;
  await inParallel(runs, slots, async ({ schema, seed }) => {
    const schemaJson = JSON.stringify(schema);
    const { text, reason } = await answerOf(engine, {
      messages: asks("Give me JSON for a person named Tom who is 42."),
      sampling: { temperature: 1.5, minP: 0, seed },
      limits: { maxTokens: 400 },
      outputFormat: { format: { case: "jsonSchema", value: { name: "thing", schemaJson } } },
    });
    // A dictionary or a chain may go on for as long as it likes.
    if (reason === FinishReason.LENGTH) return;
    finished++;
    const validate = ajv.compile(schema);
    expect(validate(JSON.parse(text)), `${schemaJson} ${text} ${ajv.errorsText(validate.errors)}`).toBe(true);
  });
  expect(finished).toBeGreaterThan(0.9 * runs.length);
});

test("any JSON object, when no schema is given", async () => {
  await inParallel([1n, 2n, 3n, 4n], 4, async (seed) => {
    const { text, reason } = await answerOf(engine, {
      messages: [says(Role.SYSTEM, "Answer in JSON."), ...asks("What is the capital of Japan?")],
      sampling: { temperature: 0.7, seed },
      outputFormat: { format: { case: "jsonObject", value: {} } },
    });
    expect(text.trimStart()[0]).toBe("{");
    // An object may go on for as long as it likes.
    if (reason === FinishReason.STOP) expect(JSON.parse(text)).toBeTypeOf("object");
    else expect(reason).toBe(FinishReason.LENGTH);
  });
});

describe("tools", () => {
  const city = object({ city: { type: "string", maxLength: 20 } });
  const tools = [
    { name: "get_weather", description: "Looks up the weather.", parametersJson: JSON.stringify(city) },
    { name: "get_time", description: "Looks up the time.", parametersJson: JSON.stringify(city) },
    { name: "stop_all", description: "Stops everything." },
  ];
  const { AUTO, NONE, REQUIRED } = ToolChoice_Mode;
  const ask = (init: GenerationInit) =>
    answerOf(engine, { messages: asks("What is the weather in Oslo?"), tools, ...init });

  test("that must be called are called, each with arguments that match", async () => {
    await inParallel([1n, 2n, 3n, 4n, 5n, 6n], 6, async (seed) => {
      const { toolCalls, reason, text, deltas } = await ask({
        toolChoice: { mode: REQUIRED },
        parallelToolCalls: false,
        sampling: { temperature: 1.5, minP: 0, seed },
      });
      expect([reason, text, toolCalls.length]).toEqual([FinishReason.TOOL_CALLS, "", 1]);
      const [{ name, argumentsJson, id }] = toolCalls as [(typeof toolCalls)[0]];
      expect(id).toMatch(/^call_\w{24}$/);
      const schema = name === "stop_all" ? object({}) : city;
      expect(ajv.validate(schema, JSON.parse(argumentsJson)), `${name} ${argumentsJson}`).toBe(true);
      const pieces = deltas.flatMap((delta) => delta.toolCalls);
      expect(pieces.slice(1).every((piece) => piece.id === "" && piece.name === "")).toBe(true);
    });
  });

  test("one that is named is called, once", async () => {
    for (const name of ["get_time", "stop_all"]) {
      const { toolCalls, reason } = await ask({ toolChoice: { mode: REQUIRED, allowedNames: [name] } });
      expect([reason, toolCalls.map((call) => call.name)]).toEqual([FinishReason.TOOL_CALLS, [name]]);
    }
  });

  test("only those that are allowed are called", async () => {
    const allowedNames = ["get_time", "stop_all"];
    await inParallel([1n, 2n, 3n, 4n], 4, async (seed) => {
      const required = await ask({
        toolChoice: { mode: REQUIRED, allowedNames },
        sampling: { temperature: 1.5, minP: 0, seed },
        limits: { maxTokens: 120 },
      });
      for (const { name } of required.toolCalls) expect(allowedNames).toContain(name);
      const auto = await ask({
        toolChoice: { mode: AUTO, allowedNames },
        sampling: { temperature: 0.5, seed },
      });
      for (const { name } of auto.toolCalls) expect(allowedNames).toContain(name);
    });
  });

  test("several at once are numbered without gaps and have ids of their own", async () => {
    const { toolCalls, deltas } = await ask({
      toolChoice: { mode: REQUIRED },
      sampling: { temperature: 2, minP: 0, seed: 1n, logitBias: wantsCalls },
      limits: { maxTokens: 300 },
    });
    expect(toolCalls.length).toBeGreaterThan(1);
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(toolCalls.length);
    const indexes = deltas.flatMap((delta) => delta.toolCalls.map(({ index }) => index));
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
  });

  test("that are forbidden are not called, even when the model would rather", async () => {
    const { toolCalls, reason } = await ask({ toolChoice: { mode: NONE } });
    expect([toolCalls, reason]).toEqual([[], FinishReason.STOP]);
  });

  test("a call at will streams its arguments as they are written, and ends the turn with its reason", async () => {
    // The mark that opens a call is one token; a bias makes the model begin with it.
    const { toolCalls, reason, deltas, text } = await ask({
      parallelToolCalls: false,
      sampling: { temperature: 0, logitBias: wantsCalls },
    });
    expect([reason, text]).toEqual([FinishReason.TOOL_CALLS, ""]);
    expect(toolCalls).toHaveLength(1);
    expect(JSON.parse(toolCalls[0]!.argumentsJson)).toBeTypeOf("object");
    expect(deltas.filter((delta) => delta.toolCalls.length > 0).length).toBeGreaterThan(1);
  });

  test("a result in the conversation is answered", async () => {
    const { text, reason } = await ask({
      messages: [
        ...asks("What is the weather in Oslo?"),
        {
          role: Role.ASSISTANT,
          toolCalls: [{ id: "call_1", name: "get_weather", argumentsJson: '{"city": "Oslo"}' }],
        },
        {
          role: Role.TOOL,
          toolCallId: "call_1",
          parts: [{ part: { case: "text", value: '{"temperature": 7, "sky": "rainy"}' } }],
        },
      ],
      toolChoice: { mode: NONE },
    });
    expect([text === "", reason]).toEqual([false, FinishReason.STOP]);
  });

  test("beside a schema, the answer is a call or JSON that matches", async () => {
    const schemaJson = JSON.stringify(object({ n: integer }));
    const outputFormat = { format: { case: "jsonSchema" as const, value: { schemaJson } } };
    await inParallel([1n, 2n, 3n, 4n], 4, async (seed) => {
      const { text, toolCalls } = await ask({ outputFormat, sampling: { temperature: 1.2, seed } });
      if (toolCalls.length === 0) expect(JSON.parse(text)).toEqual({ n: expect.any(Number) });
      else expect(text).toBe("");
    });
  });

  test("a call that the limit cuts short is LENGTH, with nothing but its arguments so far", async () => {
    const { reason, text } = await ask({ toolChoice: { mode: REQUIRED }, limits: { maxTokens: 3 } });
    expect([reason, text]).toEqual([FinishReason.LENGTH, ""]);
  });
});

describe("log probabilities", () => {
  test("join to the text, and are those of the model itself", async () => {
    const init = { messages: asks("What is the capital of France?"), logprobs: { top: 5 } };
    const greedy = await answerOf(engine, init);
    expect(greedy.logprobs.map(({ token }) => token?.text).join("")).toBe(greedy.text);
    for (const { token, top } of greedy.logprobs) {
      expect(token!.logprob).toBeLessThanOrEqual(0);
      expect(token!.logprob).toBeCloseTo(top[0]!.logprob, 5);
      const sum = top.reduce((total, { logprob }) => total + Math.exp(logprob), 0);
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThanOrEqual(1.0001);
    }
    // Neither temperature nor truncation nor bias changes what the model held.
    const drawn = await answerOf(engine, {
      ...init,
      sampling: { temperature: 1.5, topK: 3, seed: 1n, frequencyPenalty: 1 },
    });
    expect(drawn.logprobs[0]!.top.map(({ logprob }) => logprob.toFixed(3))).toEqual(
      greedy.logprobs[0]!.top.map(({ logprob }) => logprob.toFixed(3)),
    );
    expect(drawn.logprobs.map(({ token }) => token?.text).join("")).toBe(drawn.text);
  });

  test("of the whole vocabulary sum to one", async () => {
    const { logprobs } = await answerOf(engine, {
      messages: asks("Tell me a story about a fox."),
      logprobs: { top: 20 },
      limits: { maxTokens: 5 },
    });
    for (const { top } of logprobs)
      expect(top.reduce((total, { logprob }) => total + Math.exp(logprob), 0)).toBeGreaterThan(0.5);
  });

  test("do not change what is drawn", async () => {
    const init = { messages: asks("Tell me a story about a robot."), sampling: { temperature: 1, seed: 6n } };
    const [plain, told] = await Promise.all([
      answerOf(engine, init),
      answerOf(engine, { ...init, logprobs: { top: 1 } }),
    ]);
    expect(told.tokenIds).toEqual(plain.tokenIds);
  });

  test("stop where a stop text stops the answer", async () => {
    const init = { messages: asks("Count from 1 to 20."), logprobs: { top: 0 } };
    const { text } = await answerOf(engine, init);
    const stop = text.slice(6, 9);
    const stopped = await answerOf(engine, { ...init, limits: { stop: [stop] } });
    expect(stopped.logprobs.map(({ token }) => token?.text).join("")).toBe(stopped.text);
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
  });
});
