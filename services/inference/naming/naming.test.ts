import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Catalogue, createCatalogue } from "../../../core/catalogue/catalogue.ts";
import type { CatalogueEntry } from "../../../core/catalogue/entry.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { textEvent } from "../../../core/generation/events.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeEngine, generationOf, servedModel } from "../../../test/support/inference/fake-engine.ts";
import { chooseNames, toBits, toOwnName } from "./choose-names.ts";
import { type NamingOptions, withCatalogueNames } from "./with-catalogue-names.ts";

const entryOf = (name: string, names: Partial<CatalogueEntry["names"]> = {}): CatalogueEntry => ({
  name,
  size: "8B",
  activeSize: undefined,
  description: "A model.",
  bestFor: "Tests",
  contextLength: 4096,
  dimensions: undefined,
  capabilities: ["chat"],
  names: { ollama: [], huggingFace: [], gguf: [], ...names },
});

const catalogue: Catalogue = createCatalogue([
  entryOf("llama3.1:8b", {
    ollama: ["llama3.1:8b", "llama3.1:8b-instruct"],
    huggingFace: ["meta-llama/Llama-3.1-8B-Instruct"],
    gguf: ["Llama-3.1-8B-Instruct"],
  }),
  entryOf("llama3.1:70b"),
]);

const never = new AbortController().signal;
const canonical = "llama3.1:8b";

/** What each model of an engine is called, in order; undefined for one that is not served. */
const namesOf = (engineNames: string[], as: Record<string, string> = {}) =>
  chooseNames(engineNames, catalogue, new Map(Object.entries(as))).map(({ name }) => name);

function nameEngine(engineNames: string[], options: Partial<NamingOptions> = {}) {
  const inner = new FakeEngine(engineNames.map((name) => servedModel(name)));
  const lines: { level: string; msg: string }[] = [];
  const log = createLog({ service: "t", pretty: false, write: (line) => lines.push(JSON.parse(line)) });
  const engine = withCatalogueNames(inner, () => catalogue, { log, ...options });
  return { inner, lines, engine, models: () => engine.models(never) };
}

describe("a model's name", () => {
  test.each([
    ["llama3.1:8b-instruct-q4_K_M", canonical, "the catalogue knows it"],
    ["meta-llama/Llama-3.1-8B-Instruct", canonical, "the catalogue knows it, as others call it"],
    ["/srv/models/Llama-3.1-8B-Instruct-Q4_K_M.gguf", canonical, "the catalogue knows the file"],
    ["acme/assistant-7b", "acme/assistant-7b", "unknown ones keep theirs"],
    ["llama3.1:latest", "llama3.1:latest", "a family is no model"],
    ["/home/ada/my-tune.Q8_0.gguf", "my-tune.Q8_0", "where a file lies is nobody's business"],
    ["C:\\models\\my-tune.gguf", "my-tune", "nor on Windows"],
  ])("%s is served as %s: %s", (engineName, name) => {
    expect(namesOf([engineName])).toEqual([name]);
  });

  test("is what the provider says, in the catalogue or not", () => {
    expect(namesOf(["/home/ada/my-tune.gguf"], { "my-tune.gguf": canonical })).toEqual([canonical]);
    expect(namesOf(["llama3.1:latest", "x"], { "llama3.1:latest": canonical, x: "my-own" })).toEqual([
      canonical,
      "my-own",
    ]);
  });
});

describe("two models of one name", () => {
  test.each([
    [["llama3.1:8b-instruct-q8_0", "llama3.1:8b"], [undefined, canonical], "what is called exactly so"],
    [
      ["llama3.1:8b-instruct-q4_K_M", "llama3.1:8b-instruct-q8_0"],
      [undefined, canonical],
      "the more precise one",
    ],
    [["hf.co/a/Llama-3.1-8B-Instruct", "b/Llama-3.1-8B-Instruct"], [undefined, canonical], "the first"],
  ])("%j: it goes to %j, %s", (engineNames, winners) => {
    const expected = winners.map((winner, index) => winner ?? engineNames[index]);
    expect(namesOf(engineNames)).toEqual(expected);
    expect(namesOf(engineNames.toReversed())).toEqual(expected.toReversed());
  });

  test("go as the provider says, against any right of others", () => {
    expect(namesOf(["llama3.1:8b", "my-tune"], { "my-tune": canonical })).toEqual([undefined, canonical]);
  });

  test("never get one name, whatever the names and whatever the provider says, in any order", () => {
    const name = fc.constantFrom(
      ...[canonical, "llama3.1:8b-instruct-q4_K_M", "llama3.1:8b-instruct-q8_0", "llama3.1:latest"],
      ...["/a/my-tune.gguf", "/b/my-tune.gguf", "my-tune", "a/b", "llama3.1:70b"],
    );
    const set = fc.uniqueArray(name);
    fc.assert(
      fc.property(set, fc.dictionary(name, name), (engineNames, as) => {
        const names = namesOf(engineNames, as);
        const given = names.filter((one) => one !== undefined);
        expect(new Set(given).size).toBe(given.length);
        expect(namesOf(engineNames.toReversed(), as)).toEqual(names.toReversed());
        for (const [told, index] of engineNames.map((one, at) => [as[one], at] as const))
          if (told !== undefined && names[index] !== told) expect(given).toContain(told);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an engine with the catalogue's names", () => {
  test("keeps its own beside them, and is asked by its own", async () => {
    const { engine, inner, models } = nameEngine(["llama3.1:8b-instruct-q4_K_M", "acme/x"]);
    expect(await models()).toMatchObject([
      { model: canonical, engineName: "llama3.1:8b-instruct-q4_K_M" },
      { model: "acme/x", engineName: "acme/x" },
    ]);
    const events: (string | undefined)[] = [];
    const read = async (answer: AsyncIterable<GenerationEvent>) => {
      for await (const { event } of answer) events.push(event.case);
    };
    const reading = read(engine.generate(generationOf({ model: canonical }), never));
    expect(inner.runs.map(({ generation }) => generation.model)).toEqual(["llama3.1:8b-instruct-q4_K_M"]);
    inner.runs[0]?.answer("Hi.");
    await reading;
    expect(events).toEqual(["started", "delta", "finished"]);
    await engine.close();
    expect(inner.closed).toBe(true);
  });

  test("lets nobody see where a file lies", async () => {
    const path = "/home/ada/models/my-tune.gguf";
    const { engine, inner, models } = nameEngine([path]);
    expect(await models()).toMatchObject([{ model: "my-tune", engineName: "my-tune.gguf" }]);
    const generation = generationOf({ model: "my-tune" });
    const answer = engine.generate(generation, never)[Symbol.asyncIterator]();
    inner.runs[0]?.fail(
      new MeshError("invalid_request", `The engine of \`${path}\` said: no grammar for ${path}.`, {
        param: "tools",
        code: "unsupported_value",
      }),
    );
    await expect(answer.next()).rejects.toMatchObject({
      message: "The engine of `my-tune` said: no grammar for my-tune.",
      kind: "invalid_request",
      param: "tools",
      code: "unsupported_value",
    });
  });

  test.each([
    ["The engine of `q` failed.", "The engine of `llama3.1:8b` failed."],
    ["It quit.", "It quit."],
  ])("says %j to callers as %j", async (said, heard) => {
    const { engine, inner, models } = nameEngine(["q"], { as: { q: canonical } });
    await models();
    const answer = engine.generate(generationOf({ model: canonical }), never)[Symbol.asyncIterator]();
    inner.runs[0]?.fail(new MeshError("engine_failed", said));
    await expect(answer.next()).rejects.toMatchObject({ kind: "engine_failed", message: heard });
  });

  test("lets its reader leave", async () => {
    const { engine, inner, models } = nameEngine(["q"], { as: { q: canonical } });
    await models();
    const answer = engine.generate(generationOf({ model: canonical }), never)[Symbol.asyncIterator]();
    inner.runs[0]?.send(textEvent("Hi.", []));
    await answer.next();
    await answer.return?.();
    expect(inner.runs[0]?.left).toBe(true);
  });

  test("tells the provider what it cannot decide, once, and how to decide it", async () => {
    const { models, lines } = nameEngine([
      "llama3.1:latest",
      "llama3.1:8b",
      "llama3.1:8b-instruct-q8_0",
      "x",
    ]);
    await models();
    await models();
    expect(lines.map(({ level, msg }) => `${level}: ${msg}`)).toEqual([
      "warn: `llama3.1:latest` may be `llama3.1:8b` or `llama3.1:70b`, so it is served as `llama3.1:latest`. To choose one: --as llama3.1:latest=llama3.1:8b",
      "warn: `llama3.1:8b-instruct-q8_0` is served as `llama3.1:8b-instruct-q8_0`, because `llama3.1:8b` is served as `llama3.1:8b` already. To choose one: --as llama3.1:8b-instruct-q8_0=llama3.1:8b",
    ]);
  });

  test("says which name is new, and which has none left", async () => {
    const { models, lines } = nameEngine(["acme/x", "llama3.1:8b"], { as: { "acme/x": "llama3.1:8b" } });
    expect((await models()).map(({ model, engineName }) => [model, engineName])).toEqual([
      ["llama3.1:8b", "acme/x"],
    ]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "`acme/x` is served as `llama3.1:8b`",
      "`llama3.1:8b` is not served: `acme/x` has the name `llama3.1:8b` already. To choose one: --as llama3.1:8b=ANOTHER-NAME",
    ]);
  });

  test("warns of a name that the engine does not have, once, until it has it", async () => {
    const { models, lines } = nameEngine(["a", "b"], { as: { "lama3.1": canonical } });
    await models();
    await models();
    expect(lines.map(({ msg }) => msg)).toEqual([
      "--as lama3.1=llama3.1:8b names a model that the engine does not have. It has `a` and `b`",
    ]);
  });

  test("shows its names to whoever asks, whenever they change", async () => {
    const shown: string[][] = [];
    const onNamed: NamingOptions["onNamed"] = (namings) =>
      shown.push(namings.map(({ name, because }) => `${name} ${because.kind}`));
    const { models, inner } = nameEngine(["llama3.1:8b", "llama3.1"], { onNamed });
    await models();
    await models();
    inner.serves = [servedModel("x")];
    await models();
    expect(shown).toEqual([["llama3.1:8b known", "llama3.1 ambiguous"], ["x unknown"]]);
  });
});

test("a model that a server lists twice is served once", async () => {
  const { models } = nameEngine(["acme/a", "acme/a", "llama3.1:8b", "llama3.1:8b"]);
  expect((await models()).map(({ model }) => model)).toEqual(["acme/a", "llama3.1:8b"]);
});

test.each([
  ["model-q4_K_M", 4],
  ["hf.co/unsloth/Qwen3-8B-GGUF:Q5_K_M", 5],
  ["model.IQ2_XS.gguf", 2],
  ["Llama-3.1-8B-Instruct-BF16", 16],
  ["Meta-Llama-3.1-8B-Instruct-FP8-dynamic", 8],
  ["mlx-community/Llama-3.1-8B-Instruct-4bit", 4],
  ["Meta-Llama-3.1-8B-Instruct-AWQ-INT4", 4],
  ["llama3.1:8b", 0],
  ["acme/q4team-model", 0],
])("%s has %i bits for each weight", (engineName, bits) => {
  expect(toBits(engineName)).toBe(bits);
});

test.each([
  ["/models/big-00001-of-00003.gguf", "big"],
  ["~/models/tune/", "tune"],
  ["acme/assistant-7b", "acme/assistant-7b"],
  [".gguf", ".gguf"],
])("on its own %s is %s", (engineName, name) => {
  expect(toOwnName(engineName)).toBe(name);
});
