import { create } from "@bufbuild/protobuf";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import {
  FinishReason,
  type Generation,
  GenerationSchema,
  Role,
  ToolChoice_Mode,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "./engine.ts";
import type { Abilities, GenerationInit } from "./fake-engine.ts";
import { type Transcript, transcribe } from "./transcript.ts";

/** An engine to hold against the contract. */
export interface EngineUnderTest {
  /** Makes a fresh engine, not yet loaded. */
  readonly create: () => Engine | Promise<Engine>;
  /** What its first model is to claim, exactly; each claim is tried. */
  readonly abilities: Abilities;
  /** Prompts, different from each other, with answers of at least 12 tokens at temperature 0. */
  readonly prompts: readonly [string, string, ...string[]];
}

/**
 * The contract of `engine.ts` as a suite, the same for every engine. Call it in a file of its own, named
 * `*.contract.test.ts`.
 */
export function describeEngine(
  name: string,
  { create: createEngine, abilities, prompts }: EngineUnderTest,
): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let served: ServedModel;
    const never = new AbortController().signal;

    beforeAll(async () => {
      engine = await createEngine();
      served = (await engine.models(never))[0]!;
    });
    afterAll(() => engine?.close());

    let count = 0;
    const ask = (prompt: string, init: GenerationInit = {}): Generation =>
      create(GenerationSchema, {
        id: `contract-${++count}`,
        model: served.model,
        messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: prompt } }] }],
        ...init,
        sampling: { temperature: 0, ...init.sampling },
        limits: { maxTokens: 24, ...init.limits },
      });
    const answer = (prompt: string, init: GenerationInit = {}, signal = never): Promise<Transcript> =>
      transcribe(engine.generate(ask(prompt, init), signal));

    describe("models", () => {
      test("are named once each, with slots, context and fingerprint, and claim what they should", async () => {
        const models = await engine.models(never);
        expect(new Set(models.map(({ model }) => model)).size).toBe(models.length);
        for (const model of models) {
          expect(model.model).not.toBe("");
          expect(model.engine).not.toBe("");
          expect(model.slots).toBeGreaterThan(0);
          expect(model.contextLength).toBeGreaterThan(0);
        }
        const { $typeName: _, ...claimed } = served.capabilities!;
        expect({ ...claimed, resume: claimed.resume }).toEqual({
          tools: false,
          forcedToolChoice: false,
          jsonObject: false,
          jsonSchema: false,
          logprobs: false,
          seed: false,
          vision: false,
          logitBias: false,
          resume: Capabilities_Resume.NONE,
          ...abilities,
        });
        if (claimed.resume === Capabilities_Resume.TOKENS) expect(served.fingerprint).not.toBe("");
      });

      test("are the same when asked again", async () => {
        expect(await engine.models(never)).toEqual(await engine.models(never));
      });
    });

    describe("an answer", () => {
      test("is one `started` with the model's fingerprint, deltas, one `finished`, and the end", async () => {
        const { order, started } = await answer(prompts[0]);
        expect(order.at(0)).toBe("started");
        expect(order.at(-1)).toBe("finished");
        expect(new Set(order.slice(1, -1))).toEqual(new Set(["delta"]));
        expect(started?.fingerprint).toBe(served.fingerprint);
      });

      test.each(prompts)("shows whole characters and tells its usage: %s", async (prompt) => {
        const { deltas, text, usage, tokenIds } = await answer(prompt);
        expect(text).not.toBe("");
        expect(deltas.every((delta) => delta.text.isWellFormed())).toBe(true);
        expect(usage?.promptTokens).toBeGreaterThan(0);
        expect(usage?.completionTokens).toBeGreaterThanOrEqual(12);
        expect(usage?.completionTokens).toBeLessThanOrEqual(24);
        if (tokenIds.length > 0) expect(usage?.completionTokens).toBe(tokenIds.length);
      });

      test("counts a longer prompt as more tokens", async () => {
        const [short, long] = [await answer("One."), await answer("One. ".repeat(20))];
        expect(long.usage!.promptTokens).toBeGreaterThan(short.usage!.promptTokens);
      });

      test("takes any text for a prompt", async () => {
        const prompt =
          'é́ \u0000 \ufffe 東京 👩‍👩‍👧 \u2028 <|im_end|> <s> [INST] \ud83d \r\n \\ " {{ messages }}';
        const { reason, text } = await answer(prompt);
        expect([FinishReason.STOP, FinishReason.LENGTH]).toContain(reason);
        expect(text.isWellFormed()).toBe(true);
      });
    });

    describe("limits", () => {
      test.each([1, 2, 7])("at most %i tokens, and LENGTH says so", async (maxTokens) => {
        const whole = await answer(prompts[0]);
        const { reason, usage, text } = await answer(prompts[0], { limits: { maxTokens } });
        expect(reason).toBe(FinishReason.LENGTH);
        expect(usage?.completionTokens).toBe(maxTokens);
        expect(whole.text.startsWith(text)).toBe(true);
      });

      test("a stop text ends the answer and is left out, with all that follows", async () => {
        const { text } = await answer(prompts[0]);
        // From the middle of one token to the middle of another, most likely.
        const characters = [...text];
        const stop = characters.splice(Math.floor(characters.length / 3), 5).join("");
        const stopped = await answer(prompts[0], { limits: { stop: ["not in the answer", stop] } });
        expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
        expect(stopped.reason).toBe(FinishReason.STOP);
      });

      test("what only looks like the beginning of a stop text is shown in the end", async () => {
        const { text, reason } = await answer(prompts[0]);
        const held = await answer(prompts[0], { limits: { stop: [`${text.slice(-5)}\u0000`] } });
        expect([held.text, held.reason]).toEqual([text, reason]);
      });

      test("a prompt that does not fit is refused before the first delta", async () => {
        const events: string[] = [];
        const prompt = "mesh of machines ".repeat(served.contextLength);
        const attempt = transcribe(engine.generate(ask(prompt), never), ({ event }) =>
          events.push(event.case ?? "nothing"),
        );
        await expect(attempt).rejects.toMatchObject({
          kind: "invalid_request",
          code: "context_length_exceeded",
          param: "messages",
        });
        expect(events).not.toContain("delta");
      });
    });

    describe("an abort", () => {
      /** Reads until `seen` events have come, then aborts; resolves when the iteration has ended in any way. */
      const abortAfter = async (seen: number, prompt: string) => {
        const controller = new AbortController();
        let left = seen;
        if (left === 0) controller.abort();
        const whole = transcribe(engine.generate(ask(prompt), controller.signal), () => {
          if (--left === 0) controller.abort();
        });
        await whole.catch(() => {});
      };

      test.each([0, 1, 4])("after %i events ends the answer and harms no other", async (seen) => {
        const before = await answer(prompts[1]);
        const [beside] = await Promise.all([
          served.slots > 1 ? answer(prompts[1]) : before,
          abortAfter(seen, prompts[0]),
        ]);
        expect(beside.text).toBe(before.text);
        expect((await answer(prompts[1])).text).toBe(before.text);
      });

      test("of many leaves every slot usable", async () => {
        const slots = Math.min(served.slots, 8);
        const expected = (await answer(prompts[0])).text;
        for (let round = 0; round < 3; round++)
          await Promise.all(Array.from({ length: slots }, (_, index) => abortAfter(index % 5, prompts[0])));
        const answers = await Promise.all(Array.from({ length: slots }, () => answer(prompts[0])));
        expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: slots }, () => expected));
      });

      test("by leaving the iteration is as good", async () => {
        const expected = (await answer(prompts[0])).text;
        for (let round = 0; round <= served.slots && round < 8; round++)
          for await (const { event } of engine.generate(ask(prompts[0]), never))
            if (event.case === "delta" && event.value.text !== "") break;
        expect((await answer(prompts[0])).text).toBe(expected);
      });
    });

    test("answers beside each other are what they are alone", async () => {
      const alone: string[] = [];
      for (const prompt of prompts) alone.push((await answer(prompt)).text);
      const slots = Math.min(served.slots, 8);
      const indexes = Array.from({ length: 3 * slots }, (_, index) => index % prompts.length);
      const together: string[] = [];
      const runOne = async (): Promise<void> => {
        for (let index = indexes.pop(); index !== undefined; index = indexes.pop())
          together.push(`${index} ${(await answer(prompts[index]!)).text}`);
      };
      await Promise.all(Array.from({ length: slots }, runOne));
      expect(new Set(together)).toEqual(new Set(alone.map((text, index) => `${index} ${text}`)));
    });

    describe.runIf(abilities.seed)("a seed", () => {
      const drawn = (seed: bigint) => answer(prompts[0], { sampling: { temperature: 1, seed } });

      test("gives the same answer again", async () => {
        const [first, second] = await Promise.all([drawn(7n), served.slots > 1 ? drawn(7n) : undefined]);
        expect((second ?? (await drawn(7n))).text).toBe(first.text);
        expect((await drawn(7n)).tokenIds).toEqual(first.tokenIds);
      });

      test("of another value gives another, negative and huge ones too", async () => {
        const texts = new Set<string>();
        for (const seed of [1n, 2n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) texts.add((await drawn(seed)).text);
        expect(texts.size).toBeGreaterThan(1);
      });
    });

    describe.runIf(abilities.resume === Capabilities_Resume.TOKENS)("an answer begun elsewhere", () => {
      const { seed = false } = abilities;
      const options: GenerationInit = seed ? { sampling: { temperature: 0.8, seed: 3n } } : {};

      test("goes on from its token ids, exactly, and counts them", async () => {
        const whole = await answer(prompts[0], options);
        for (const cut of [0, 1, 5, whole.tokenIds.length - 1]) {
          const head = headOf(whole, cut);
          const rest = await answer(prompts[0], {
            ...options,
            resume: { ...head, fingerprint: served.fingerprint },
          });
          expect([head.text + rest.text, [...head.tokenIds, ...rest.tokenIds]]).toEqual([
            whole.text,
            whole.tokenIds,
          ]);
          expect([rest.reason, rest.usage?.completionTokens]).toEqual([
            whole.reason,
            whole.usage?.completionTokens,
          ]);
        }
      });

      test("that is complete already finishes at once", async () => {
        const whole = await answer(prompts[0], options);
        const rest = await answer(prompts[0], {
          ...options,
          resume: { tokenIds: [...whole.tokenIds], text: whole.text },
        });
        expect([rest.text, rest.tokenIds, rest.reason]).toEqual(["", [], whole.reason]);
        expect(rest.usage?.completionTokens).toBe(whole.usage?.completionTokens);
      });

      test("meets a stop text across the seam", async () => {
        const whole = await answer(prompts[0]);
        const head = headOf(whole, 5);
        const stop = head.text.slice(-2) + whole.text.slice(head.text.length, head.text.length + 2);
        const limits = { stop: [stop] };
        const stopped = await answer(prompts[0], { limits });
        // Only what the unbroken run had shown by then can have been delivered.
        const delivered = headOf(stopped, head.tokenIds.length);
        const rest = await answer(prompts[0], { limits, resume: delivered });
        expect([delivered.text + rest.text, rest.reason]).toEqual([stopped.text, stopped.reason]);
      });
    });

    describe.runIf(abilities.jsonObject)("JSON mode", () => {
      test("gives one JSON object, or is cut by the limit", async () => {
        const { text, reason } = await answer("Answer in JSON: what is your name?", {
          outputFormat: { format: { case: "jsonObject", value: {} } },
          limits: { maxTokens: 200 },
        });
        expect(text.trimStart()).toMatch(/^\{/);
        if (reason === FinishReason.STOP) expect(JSON.parse(text)).toBeTypeOf("object");
        else expect(reason).toBe(FinishReason.LENGTH);
      });
    });

    describe.runIf(abilities.jsonSchema)("a JSON schema", () => {
      const schema = {
        type: "object",
        properties: {
          verdict: { enum: ["yes", "no"] },
          stars: { type: "integer", minimum: 1, maximum: 5 },
          tags: { type: "array", items: { enum: ["a", "b"] }, minItems: 1, maxItems: 2 },
        },
        required: ["verdict", "stars", "tags"],
        additionalProperties: false,
      };

      test.each([0, 1.5])("is matched exactly at temperature %d", async (temperature) => {
        const { text, reason } = await answer("Review the film.", {
          outputFormat: {
            format: {
              case: "jsonSchema",
              value: { name: "review", schemaJson: JSON.stringify(schema), strict: true },
            },
          },
          sampling: { temperature, seed: 5n },
          limits: { maxTokens: 200 },
        });
        expect(reason).toBe(FinishReason.STOP);
        const validate = new Ajv().compile(schema);
        expect(validate(JSON.parse(text)), JSON.stringify(validate.errors)).toBe(true);
      });
    });

    describe.runIf(abilities.forcedToolChoice)("a forced tool call", () => {
      const parameters = {
        type: "object",
        properties: { city: { enum: ["Paris", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
        required: ["city", "days"],
        additionalProperties: false,
      };
      const tools = [
        {
          name: "get_weather",
          description: "Tells the weather.",
          parametersJson: JSON.stringify(parameters),
          strict: true,
        },
        {
          name: "get_time",
          description: "Tells the time.",
          parametersJson: '{"type":"object","properties":{}}',
        },
      ];
      const options: GenerationInit = { tools, parallelToolCalls: false, limits: { maxTokens: 200 } };

      test("is made, with arguments that match", async () => {
        const { toolCalls, reason, deltas } = await answer("What is the weather in Paris?", {
          ...options,
          toolChoice: { mode: ToolChoice_Mode.REQUIRED, allowedNames: ["get_weather"] },
        });
        expect(reason).toBe(FinishReason.TOOL_CALLS);
        expect(toolCalls.map(({ name }) => name)).toEqual(["get_weather"]);
        expect(toolCalls[0]?.id).not.toBe("");
        const validate = new Ajv().compile(parameters);
        expect(validate(JSON.parse(toolCalls[0]!.argumentsJson)), JSON.stringify(validate.errors)).toBe(true);
        const pieces = deltas.flatMap((delta) => delta.toolCalls);
        expect(pieces.slice(1).every(({ id, name }) => id === "" && name === "")).toBe(true);
      });

      test("that the limit cuts short finishes with LENGTH", async () => {
        const { reason } = await answer("What is the weather in Paris?", {
          ...options,
          limits: { maxTokens: 1 },
          toolChoice: { mode: ToolChoice_Mode.REQUIRED },
        });
        expect(reason).toBe(FinishReason.LENGTH);
      });

      test("that is forbidden is not made", async () => {
        const { toolCalls, reason } = await answer("What is the weather in Paris?", {
          ...options,
          toolChoice: { mode: ToolChoice_Mode.NONE },
        });
        expect(toolCalls).toEqual([]);
        expect(reason).not.toBe(FinishReason.TOOL_CALLS);
      });
    });

    describe.runIf(abilities.logprobs)("log probabilities", () => {
      test.each([0, 3])("come one for each token, with %i alternatives, best first", async (top) => {
        const { logprobs, tokenIds, text } = await answer(prompts[0], { logprobs: { top } });
        expect(logprobs).toHaveLength(tokenIds.length);
        const bytes = Buffer.concat(logprobs.map(({ token }) => token!.bytes));
        expect(bytes.toString("utf8")).toBe(text);
        for (const { token, top: alternatives } of logprobs) {
          expect(token?.logprob).toBeLessThanOrEqual(0);
          expect(alternatives).toHaveLength(top);
          const values = alternatives.map(({ logprob }) => logprob);
          expect(values).toEqual(values.toSorted((a, b) => b - a));
          if (top > 0) expect(token?.logprob).toBeCloseTo(values[0]!, 3);
        }
      });
    });

    describe("closing", () => {
      test("works before anything was loaded, and twice", async () => {
        const fresh = await createEngine();
        await fresh.close();
        await fresh.close();
      });

      test("works after answers, and while one is being aborted", async () => {
        const fresh = await createEngine();
        await fresh.models(never);
        const controller = new AbortController();
        const iterator = fresh.generate(ask(prompts[0]), controller.signal)[Symbol.asyncIterator]();
        await iterator.next();
        const pending = Promise.resolve(iterator.next()).catch((error: unknown) => error);
        controller.abort(new MeshError("cancelled", "The caller left."));
        await fresh.close();
        await pending;
      });
    });
  });
}

/** The part of an answer that its first tokens make, as a resume point. */
function headOf({ deltas }: Transcript, tokens: number): { tokenIds: number[]; text: string } {
  const tokenIds: number[] = [];
  let text = "";
  for (const delta of deltas) {
    if (tokenIds.length + delta.tokenIds.length > tokens) break;
    tokenIds.push(...delta.tokenIds);
    text += delta.text;
  }
  return { tokenIds, text };
}
