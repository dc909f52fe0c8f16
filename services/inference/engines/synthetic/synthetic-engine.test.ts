import { describe, expect, test } from "vitest";
import type { MeshError } from "../../../../core/errors/mesh-error.ts";
import { FinishReasonSchema, type Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { type GenerationInit, generationOf } from "../../../../test/support/inference/fake-engine.ts";
import { transcribe } from "../../transcript.ts";
import { syntheticOptionsSchema } from "./options.ts";
import { createSyntheticEngine } from "./synthetic-engine.ts";

function makeEngine(options: Record<string, unknown> = {}) {
  const clock = new FakeClock();
  let deaths = 0;
  const engine = createSyntheticEngine(syntheticOptionsSchema.parse(options), {
    clock,
    die: () => {
      deaths++;
    },
  });
  return { clock, engine, deaths: () => deaths };
}

type Made = ReturnType<typeof makeEngine>;

/** Reads an answer; `arrivals` tells when each event came, `outcome` how it ended, if it has. */
function read({ clock, engine }: Made, generation: Generation = generationOf()) {
  const arrivals: string[] = [];
  const reading: { arrivals: string[]; text: string; outcome?: string; abort(): void } = {
    arrivals,
    text: "",
    abort: () => controller.abort(),
  };
  const controller = new AbortController();
  transcribe(engine.generate(generation, controller.signal), ({ event }) => {
    if (event.case === "delta") reading.text += event.value.text;
    const shown = event.case !== "delta" ? event.case : event.value.text === "" ? "sign" : "token";
    arrivals.push(`${shown}@${Math.round(clock.now())}`);
  }).then(
    ({ reason }) => {
      reading.outcome = FinishReasonSchema.value[reason]?.localName ?? "";
    },
    (error: MeshError) => {
      reading.outcome = error.kind ?? String(error);
    },
  );
  return reading;
}

describe("pace", () => {
  test("tokens come at their rate after the first, the end with the last", async () => {
    const made = makeEngine({ tokensPerSecond: 50, firstTokenMs: 100, arrivals: "aligned" });
    const reading = read(made, generationOf({ limits: { maxTokens: 3 } }));
    await made.clock.advance(1000);
    expect(reading.arrivals).toEqual(["started@0", "token@100", "token@120", "token@140", "finished@140"]);
    expect(made.clock.pending).toBe(0);
  });

  test("aligned arrivals share one beat, whenever they began", async () => {
    const made = makeEngine({ tokensPerSecond: 50, arrivals: "aligned" });
    const first = read(made, generationOf({ limits: { maxTokens: 3 } }));
    await made.clock.advance(33);
    const second = read(made, generationOf({ limits: { maxTokens: 2 } }));
    await made.clock.advance(100);
    expect(first.arrivals).toEqual(["started@0", "token@0", "token@20", "token@40", "finished@40"]);
    expect(second.arrivals).toEqual(["started@33", "token@40", "token@60", "finished@60"]);
  });

  test("random arrivals each keep their own beat", async () => {
    const made = makeEngine({ tokensPerSecond: 50, arrivals: "random" });
    const readings = Array.from({ length: 20 }, () => read(made, generationOf({ limits: { maxTokens: 2 } })));
    await made.clock.advance(100);
    const firsts = readings.map(({ arrivals }) => Number(arrivals[1]?.split("@")[1]));
    expect(new Set(firsts).size).toBeGreaterThan(5);
    for (const first of firsts) expect(first).toBeLessThanOrEqual(20);
  });

  test("a long wait for a token is filled with signs of life", async () => {
    const made = makeEngine({ tokensPerSecond: 1, firstTokenMs: 1000, arrivals: "aligned" });
    const reading = read(made, generationOf({ limits: { maxTokens: 2 } }));
    await made.clock.advance(2000);
    expect(reading.arrivals).toEqual([
      "started@0",
      "sign@400",
      "sign@800",
      "token@1000",
      "sign@1400",
      "sign@1800",
      "token@2000",
      "finished@2000",
    ]);
  });

  test("a slow reader finds what has fallen due", async () => {
    const made = makeEngine({ tokensPerSecond: 50, arrivals: "aligned" });
    const events = made.engine.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
    await events.next();
    await made.clock.advance(45);
    const due: unknown[] = [];
    for (let count = 0; count < 3; count++) due.push((await events.next()).value.event.case);
    expect(due).toEqual(["delta", "delta", "delta"]);
    let early = false;
    const fourth = events.next().then(() => {
      early = made.clock.now() < 60;
    });
    await made.clock.advance(20);
    await fourth;
    expect(early).toBe(false);
  });

  test("without pace an answer is there as soon as it is read, and long ones let others in between", async () => {
    const made = makeEngine({ tokensPerSecond: 0, answerTokens: 600 });
    const reading = read(made);
    await made.clock.advance(0);
    expect(reading.arrivals).toHaveLength(1 + 256);
    await made.clock.advance(5);
    expect(reading).toMatchObject({ outcome: "STOP", arrivals: { length: 1 + 600 + 1 } });
  });

  test("two hundred answers at a time need one timer", async () => {
    const made = makeEngine({ tokensPerSecond: 50 });
    const readings = Array.from({ length: 200 }, () => read(made));
    await made.clock.advance(500);
    expect(made.clock.pending).toBe(1);
    for (const { abort } of readings) abort();
    await made.clock.advance(500);
    expect(made.clock.pending).toBe(0);
    expect(readings.every(({ outcome }) => outcome !== undefined)).toBe(true);
  });
});

describe("faults", () => {
  const limits = { maxTokens: 6 };
  const run = async (options: Record<string, unknown>, init: GenerationInit = {}) => {
    const made = makeEngine({ arrivals: "aligned", ...options });
    const reading = read(made, generationOf({ limits, ...init }));
    await made.clock.advance(10_000);
    return {
      ...reading,
      tokens: reading.arrivals.filter((arrival) => arrival.startsWith("token")).length,
      made,
    };
  };
  const kwargs = (...faults: unknown[]) => ({
    chatTemplateKwargsJson: JSON.stringify({ synthetic: { faults } }),
  });

  test("refuse: nothing comes, not even `started`", async () => {
    expect(await run({ faults: [{ kind: "refuse" }] })).toMatchObject({ outcome: "saturated", arrivals: [] });
  });

  test.each([0, 1, 4, 6])("fail after %i tokens", async (afterTokens) => {
    expect(await run({ faults: [{ kind: "fail", afterTokens }] })).toMatchObject({
      outcome: "engine_failed",
      tokens: afterTokens,
    });
  });

  test("a fault beyond the end never strikes", async () => {
    expect(await run({ faults: [{ kind: "fail", afterTokens: 7 }] })).toMatchObject({ outcome: "LENGTH" });
  });

  test("hang after 2 tokens: silence, without signs of life, until aborted", async () => {
    const { made, ...result } = await run({ faults: [{ kind: "hang", afterTokens: 2 }] });
    expect(result).toMatchObject({ arrivals: ["started@0", "token@0", "token@20"] });
    expect(result.outcome).toBeUndefined();
    const reading = read(made, generationOf({ limits }));
    await made.clock.advance(100);
    reading.abort();
    await made.clock.advance(0);
    expect(reading.outcome).toBeDefined();
  });

  test.each([0, 2, 6])(
    "stall after %i tokens: signs of life and nothing else, until aborted",
    async (afterTokens) => {
      const made = makeEngine({ arrivals: "aligned", faults: [{ kind: "stall", afterTokens }] });
      const reading = read(made, generationOf({ limits }));
      await made.clock.advance(2000);
      expect(reading.arrivals.filter((arrival) => arrival.startsWith("token"))).toHaveLength(afterTokens);
      const after = reading.arrivals.slice(1 + afterTokens).map((arrival) => arrival.split("@")[0]);
      expect([new Set(after), after.length > 3]).toEqual([new Set(["sign"]), true]);
      expect(reading.outcome).toBeUndefined();
      reading.abort();
      await made.clock.advance(1000);
      expect([reading.outcome, made.clock.pending]).toEqual([expect.any(String), 0]);
    },
  );

  test("die after 3 tokens", async () => {
    const { made, tokens } = await run({ faults: [{ kind: "die", afterTokens: 3 }] });
    expect([tokens, made.deaths()]).toEqual([3, 1]);
  });

  test("slow: everything takes as many times as long", async () => {
    expect(await run({ firstTokenMs: 20, faults: [{ kind: "slow", factor: 5 }] })).toMatchObject({
      arrivals: expect.arrayContaining(["token@100", "token@200", "token@600", "finished@600"]),
    });
  });

  test("a rate strikes that fraction, the same ones for the same seed", async () => {
    const outcomes = async (randomSeed: number) => {
      const made = makeEngine({
        tokensPerSecond: 0,
        randomSeed,
        faults: [{ kind: "fail", rate: 0.3 }],
      });
      const readings = Array.from({ length: 400 }, () => read(made, generationOf({ limits })));
      await made.clock.advance(10);
      return readings.map(({ outcome }) => outcome);
    };
    const first = await outcomes(1);
    const failed = first.filter((outcome) => outcome === "engine_failed").length;
    expect(failed).toBeGreaterThan(80);
    expect(failed).toBeLessThan(160);
    expect(await outcomes(1)).toEqual(first);
    expect(await outcomes(2)).not.toEqual(first);
  });

  test("a request may bring its own, and an answer continued from where it struck is spared", async () => {
    const fault = kwargs({ kind: "fail", afterTokens: 4 });
    const cut = await run({}, fault);
    expect(cut).toMatchObject({ outcome: "engine_failed", tokens: 4 });
    const made = makeEngine({ tokensPerSecond: 0 });
    const whole = await transcribe(
      made.engine.generate(generationOf({ limits }), new AbortController().signal),
    );
    const rest = await run(
      {},
      { ...fault, resume: { tokenIds: whole.tokenIds.slice(0, 4), text: cut.text } },
    );
    expect([rest.outcome, cut.text + rest.text]).toEqual(["LENGTH", whole.text]);
  });

  test.each([
    { kind: "fail", afterTokens: 4, spared: true },
    { kind: "hang", afterTokens: 0, spared: true },
    { kind: "fail", afterTokens: 5, spared: false },
    { kind: "stall", afterTokens: 5, spared: false },
  ])(
    "an answer continued from the text of 4 tokens is spared what struck before: $kind after $afterTokens",
    async ({ kind, afterTokens, spared }) => {
      const head = await run({}, { limits: { maxTokens: 4 } });
      const whole = await run({});
      const rest = await run(
        {},
        { ...kwargs({ kind, afterTokens }), limits: { maxTokens: 2 }, resume: { text: head.text } },
      );
      if (spared) expect([rest.outcome, head.text + rest.text]).toEqual(["LENGTH", whole.text]);
      else expect([rest.outcome, rest.tokens]).toEqual([kind === "fail" ? "engine_failed" : undefined, 1]);
    },
  );

  test.each([
    { given: "{", says: "must be one JSON object" },
    { given: '{"synthetic":{"faults":[{"kind":"explode"}]}}', says: "synthetic.faults.0.kind" },
    { given: '{"synthetic":{"fault":[]}}', says: "synthetic" },
  ])("a request's faults that make no sense are refused: $given", async ({ given, says }) => {
    const made = makeEngine();
    const answer = transcribe(
      made.engine.generate(generationOf({ chatTemplateKwargsJson: given }), new AbortController().signal),
    );
    await expect(answer).rejects.toMatchObject({
      kind: "invalid_request",
      param: "chat_template_kwargs",
      message: expect.stringContaining(says),
    });
  });

  test("template variables for other engines mean nothing here", async () => {
    expect(await run({}, { chatTemplateKwargsJson: '{"enable_thinking":false}' })).toMatchObject({
      outcome: "LENGTH",
    });
  });
});

describe("thoughts", () => {
  const think = (init: GenerationInit = {}) => {
    const { engine } = makeEngine({ tokensPerSecond: 0, thoughtTokens: 4, answerTokens: 8 });
    return transcribe(engine.generate(generationOf(init), new AbortController().signal));
  };

  test("come before the answer, apart from it, and are counted", async () => {
    const { deltas, reasoning, text, usage } = await think();
    expect(deltas.map((delta) => delta.reasoning !== "")).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((index) => index < 4),
    );
    expect([reasoning.split(" "), text.split(" ")]).toMatchObject([{ length: 4 }, { length: 8 }]);
    expect(usage).toMatchObject({ completionTokens: 12, reasoningTokens: 4 });
  });

  test.each<{ init: GenerationInit; when: string }>([
    { when: "it is told not to", init: { reasoning: { enabled: false } } },
    { when: "it is to make no effort", init: { reasoning: { effort: "none" } } },
    {
      when: "its prompt is raw",
      init: { messages: [], rawPrompt: { prompt: { case: "text", value: "Once" } } },
    },
  ])("do not come when $when", async ({ init }) => {
    const { reasoning, usage } = await think(init);
    expect([reasoning, usage]).toMatchObject(["", { completionTokens: 8, reasoningTokens: 0 }]);
  });
});

test("serves more models, each with what it does in another way", async () => {
  const { engine } = makeEngine({
    tokensPerSecond: 0,
    answerTokens: 3,
    models: { long: { answerTokens: 5, slots: 2 }, broken: { faults: [{ kind: "fail" }] } },
  });
  const { signal } = new AbortController();
  expect((await engine.models(signal)).map(({ model, slots }) => [model, slots])).toEqual([
    ["synthetic", 16],
    ["long", 2],
    ["broken", 16],
  ]);
  const answer = (model: string) => transcribe(engine.generate(generationOf({ model }), signal));
  expect((await answer("synthetic")).usage?.completionTokens).toBe(3);
  expect((await answer("long")).usage?.completionTokens).toBe(5);
  await expect(answer("broken")).rejects.toMatchObject({ kind: "engine_failed" });
});

test("a resume point with tokens of another answer is refused", async () => {
  const { engine } = makeEngine({ tokensPerSecond: 0 });
  const answer = engine.generate(
    generationOf({ resume: { tokenIds: [1, 2] } }),
    new AbortController().signal,
  );
  await expect(transcribe(answer)).rejects.toMatchObject({
    kind: "engine_failed",
    message: "Token 0 of the resume point is not of this answer.",
  });
});

test("text of another answer is refused, and text that fills the context does not fit", async () => {
  const { engine } = makeEngine({ tokensPerSecond: 0, contextLength: 16 });
  const { signal } = new AbortController();
  const answer = (init: GenerationInit) => transcribe(engine.generate(generationOf(init), signal));
  await expect(answer({ resume: { text: "Once upon a time" } })).rejects.toMatchObject({
    kind: "engine_failed",
    message: "The text of the resume point is not of this answer.",
  });
  const { text, usage } = await answer({});
  await expect(answer({ resume: { text } })).rejects.toMatchObject({ code: "context_length_exceeded" });
  const head = text.slice(0, text.lastIndexOf(" ") + 2);
  const rest = await answer({ resume: { text: head } }).catch((error: MeshError) => error.code);
  // The token that the text ends in the middle of is part of the prompt, and leaves no room.
  expect(rest).toBe("context_length_exceeded");
  const { text: last, usage: counted } = await answer({ resume: { text: head.slice(0, -2) } });
  expect([head.slice(0, -2) + last, counted]).toMatchObject([
    text,
    { promptTokens: usage!.promptTokens + usage!.completionTokens - 1, completionTokens: 1 },
  ]);
});
