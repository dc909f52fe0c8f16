import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { createLog, silentLog } from "../../../core/telemetry/log.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { type Abilities, generationOf, servedModel } from "../../../test/support/inference/fake-engine.ts";
import {
  ableModel,
  everything,
  type Replies,
  ScriptedEngine,
  words,
} from "../../../test/support/inference/probe.ts";
import { patienceMs, withProbes } from "./with-probes.ts";

const never = new AbortController().signal;
const failure = new MeshError("engine_failed", "The engine answered with HTTP 500.");

/** What the log holds of one round. */
interface Line {
  readonly level: string;
  readonly msg: string;
  readonly model?: string;
  readonly shown?: string[];
  readonly refuted?: Record<string, string>;
  readonly undecided?: Record<string, string>;
}

function probe(replies: Replies = ableModel, serves?: ServedModel[]) {
  const inner = new ScriptedEngine(replies, serves);
  const clock = new FakeClock();
  const lines: Line[] = [];
  const log = createLog({ service: "t", pretty: false, write: (line) => lines.push(JSON.parse(line)) });
  const engine = withProbes(inner, { clock, log, random: () => 0 });
  const models = () => engine.models(never);
  const capabilities = async () => (await models())[0]?.capabilities;
  return { inner, clock, lines, engine, models, capabilities };
}

const claimed = (model: string, fingerprint = "f") =>
  servedModel(model, { capabilities: everything, fingerprint });

/** Answers that come when the test lets them. */
function held() {
  const waiting: (() => void)[] = [];
  const replies: Replies = (generation) =>
    new Promise<void>((resolve) => waiting.push(resolve)).then(() => ableModel(generation));
  return { waiting, replies };
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test("a model claims what it was seen to do, and the log tells why the rest is gone, in one line", async () => {
  const { capabilities, lines } = probe((generation) => {
    if (generation.outputFormat?.format.case === "jsonSchema") return { tokens: words(["Fig."]) };
    return ableModel(generation);
  });
  expect(await capabilities()).toMatchObject({ ...everything, jsonSchema: false });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    level: "info",
    msg: "`m` was probed",
    refuted: { json_schema: "an answer did not match the schema that it was held to" },
  });
  expect(lines[0]?.shown).toContain("tools");
});

test("a model that neither answers nor embeds is not offered, and its provider is told", async () => {
  const { models, lines } = probe(
    (generation) => {
      if (generation.model === "broken") throw new MeshError("invalid_request", "No chat template.");
      return ableModel(generation);
    },
    [claimed("broken"), claimed("sound")],
  );
  expect((await models()).map(({ model }) => model)).toEqual(["sound"]);
  expect(lines[0]).toMatchObject({
    level: "warn",
    msg: expect.stringMatching(
      /^`broken` is not offered to the mesh: it refuses plain questions and raw prompts/,
    ),
    refuted: { answer: "it is refused: No chat template." },
  });
});

describe("asking again", () => {
  test("costs nothing while nothing has changed", async () => {
    const { models, inner } = probe();
    const first = await models();
    const asked = inner.asked.length;
    inner.serves = structuredClone(inner.serves);
    expect(await models()).toEqual(first);
    expect(inner.asked).toHaveLength(asked);
  });

  test.each<[string, ServedModel]>([
    ["another fingerprint", claimed("m", "g")],
    ["other claims", servedModel("m", { capabilities: { ...everything, vision: false } })],
    ["another context", servedModel("m", { capabilities: everything, contextLength: 512 })],
  ])("probes anew after %s", async (_, changed) => {
    const { models, inner } = probe();
    await models();
    inner.serves = [changed];
    inner.replies = () => ({ tokens: words(["Fig."]) });
    const asked = inner.asked.length;
    expect((await models())[0]?.capabilities).toMatchObject({ tools: false, jsonSchema: false });
    expect(inner.asked.length).toBeGreaterThan(asked);
  });

  test("probes anew after the engine was away, for it may have come back with other flags", async () => {
    const { capabilities, inner } = probe();
    await capabilities();
    inner.away = failure;
    await expect(capabilities()).rejects.toBe(failure);
    inner.away = undefined;
    inner.replies = (generation) =>
      generation.logprobs === undefined ? ableModel(generation) : { tokens: words(["Fig."]) };
    // What was found stands until something else is.
    expect(await capabilities()).toMatchObject({ logprobs: true });
    await settle();
    expect(await capabilities()).toMatchObject({ logprobs: false, tools: true });
  });

  test("does not ask what the engine dies of more than twice, however often it comes back", async () => {
    let dead = false;
    const { models, inner, clock } = probe((generation) => {
      if (generation.outputFormat?.format.case === "jsonSchema") dead = true;
      if (dead) throw failure;
      return ableModel(generation);
    });
    for (let life = 0; life < 5; life++) {
      await models();
      await settle();
      inner.away = failure;
      await models().catch(() => {});
      inner.away = undefined;
      dead = false;
      await clock.advance(600_000);
    }
    const deaths = inner.asked.filter(({ outputFormat }) => outputFormat?.format.case === "jsonSchema");
    expect(deaths).toHaveLength(2);
    expect((await models())[0]?.capabilities).toMatchObject({ ...everything, jsonSchema: false });
  });

  test("tries what is undecided again, ever more rarely, and asks for nothing else", async () => {
    let broken = true;
    const { capabilities, inner, clock } = probe((generation) => {
      if (broken && generation.outputFormat !== undefined) throw new MeshError("saturated", "Busy.");
      return ableModel(generation);
    });
    expect(await capabilities()).toMatchObject({ logprobs: true, jsonObject: false, vision: false });
    const asked = () => inner.asked.splice(0).length;
    asked();
    await capabilities();
    expect(asked()).toBe(0);
    await clock.advance(10_000);
    await capabilities();
    await settle();
    // A plain question, and the one that it was busy for.
    expect(asked()).toBe(2);
    await clock.advance(10_000);
    await capabilities();
    expect(asked()).toBe(0);
    broken = false;
    await clock.advance(10_000);
    await capabilities();
    await settle();
    expect(inner.asked.some(({ logprobs }) => logprobs !== undefined)).toBe(false);
    expect(await capabilities()).toMatchObject(everything);
  });
});

describe("joining", () => {
  test("does not wait longer for slow probes than it has patience", async () => {
    const { replies, waiting } = held();
    const { models, clock } = probe(replies);
    const asked = models();
    await clock.advance(patienceMs - 1);
    expect(waiting).toHaveLength(1);
    await clock.advance(1);
    // Served at once, for plain questions.
    expect(await asked).toMatchObject([{ model: "m", capabilities: { tools: false, seed: false } }]);
    const later = models();
    for (let turn = 0; turn < 40; turn++) {
      waiting.shift()?.();
      await settle();
    }
    expect((await later)[0]?.capabilities).toMatchObject(everything);
  });

  test("is given up with its signal", async () => {
    const { engine } = probe(held().replies);
    const joining = new AbortController();
    const asked = engine.models(joining.signal);
    await settle();
    joining.abort(failure);
    await expect(asked).rejects.toBe(failure);
  });

  test("asks one question at a time, whatever the number of models", async () => {
    let open = 0;
    const { models } = probe(
      async (generation) => {
        expect(++open).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        open--;
        return ableModel(generation);
      },
      [claimed("a"), claimed("b"), claimed("c")],
    );
    const found = await models();
    expect(found.map(({ capabilities }) => capabilities?.vision)).toEqual([true, true, true]);
  });

  test("leaves models alone that are not in memory: they are believed until they are loaded", async () => {
    const { models, inner } = probe(
      (generation) => (generation.model === "idle" ? { tokens: words(["Fig."]) } : ableModel(generation)),
      [claimed("busy"), claimed("idle")],
    );
    inner.unloaded.add("idle");
    expect((await models()).map(({ capabilities }) => capabilities?.tools)).toEqual([true, true]);
    expect(new Set(inner.asked.map(({ model }) => model))).toEqual(new Set(["busy"]));
    inner.unloaded.delete("idle");
    expect((await models()).map(({ capabilities }) => capabilities?.tools)).toEqual([true, false]);
    // Once probed it stays so when it leaves the memory.
    inner.unloaded.add("idle");
    expect((await models())[1]?.capabilities?.tools).toBe(false);
  });

  test("loads the only model that there is", async () => {
    const { models, inner } = probe();
    inner.unloaded.add("m");
    await models();
    expect(inner.asked.length).toBeGreaterThan(10);
  });
});

describe("generations come first", () => {
  /** Reads an answer up to its first event. */
  async function begin(generate: AsyncIterable<GenerationEvent>) {
    const iterator = generate[Symbol.asyncIterator]();
    await iterator.next();
    return iterator;
  }

  test("a model is not asked while all its slots are taken", async () => {
    const { models, engine, inner } = probe(ableModel, [servedModel("m", { slots: 1 })]);
    inner.serves = [];
    await models();
    const open = await begin(engine.generate(generationOf(), never));
    inner.serves = [claimed("m")].map((served) => ({ ...served, slots: 1 }));
    const asked = inner.asked.length;
    expect((await models())[0]?.capabilities?.tools).toBe(false);
    expect(inner.asked).toHaveLength(asked);
    await open.return?.();
  });

  test("a question is given up when its slot is needed, and asked again later", async () => {
    const { replies, waiting } = held();
    const { models, engine, inner, clock, lines } = probe(replies, [{ ...claimed("m"), slots: 1 }]);
    const asked = models();
    await settle();
    const answering = begin(engine.generate(generationOf(), never));
    await settle();
    expect(lines[0]?.undecided?.answer).toBe("all slots of `m` are taken by others");
    expect((await asked)[0]?.capabilities?.tools).toBe(false);
    for (const answer of waiting.splice(0)) answer();
    await (await answering).return?.();
    inner.replies = ableModel;
    await clock.advance(10_000);
    await models();
    await settle();
    expect((await models())[0]?.capabilities).toMatchObject(everything);
  });

  test("an answer that was read to its end needs no slot any more", async () => {
    const { models, engine, inner } = probe(ableModel, []);
    await models();
    for await (const _ of engine.generate(generationOf(), never));
    inner.serves = [{ ...claimed("m"), slots: 1 }];
    expect((await models())[0]?.capabilities).toMatchObject(everything);
  });
});

test("a bug in whoever listens ends neither the node nor the probes", async () => {
  const inner = new ScriptedEngine();
  let calls = 0;
  const engine = withProbes(inner, {
    clock: new FakeClock(),
    log: silentLog,
    onProbed: () => {
      if (++calls === 1) throw new TypeError("x is not a function");
    },
  });
  expect((await engine.models(never))[0]?.capabilities).toMatchObject(everything);
  inner.serves = [claimed("m", "g")];
  await engine.models(never);
  expect(calls).toBe(2);
});

test("closing ends a round of probes, then the engine", async () => {
  const { engine, models, inner, clock } = probe(held().replies);
  const asked = models();
  await settle();
  await engine.close();
  expect(inner.closed).toBe(true);
  await asked;
  expect(clock.pending).toBe(0);
});

test("whatever an engine claims and however it answers, nothing is claimed beyond it", async () => {
  const booleans = Object.keys(everything).filter((name) => name !== "resume");
  const claims = fc.record({
    ...Object.fromEntries(booleans.map((name) => [name, fc.boolean()])),
    resume: fc.constantFrom(Capabilities_Resume.NONE, Capabilities_Resume.TEXT, Capabilities_Resume.TOKENS),
  });
  const ways = fc.array(
    fc.constantFrom<Replies>(
      ableModel,
      () => ({ tokens: words(["Fig."]) }),
      () => {
        throw failure;
      },
      () => {
        throw new MeshError("invalid_request", "No.");
      },
    ),
    { minLength: 1, maxLength: 7 },
  );
  await fc.assert(
    fc.asyncProperty(claims, ways, async (abilities, replies) => {
      let turn = 0;
      const { models } = probe(
        (generation) => replies[turn++ % replies.length]!(generation),
        [servedModel("m", { capabilities: abilities })],
      );
      for (const { capabilities } of await models()) {
        for (const name of booleans as (keyof typeof everything)[])
          expect(Number(capabilities![name])).toBeLessThanOrEqual(Number((abilities as Abilities)[name]));
        expect(capabilities!.resume).toBeLessThanOrEqual(abilities.resume as Capabilities_Resume);
      }
    }),
    { numRuns: 200 },
  );
});
