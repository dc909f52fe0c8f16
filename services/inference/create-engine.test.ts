import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../core/telemetry/log.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { engine as engineSettings } from "../commands/settings/engine.ts";
import { createEngine, type EngineSpec } from "./create-engine.ts";

const surroundings = { clock: new FakeClock(), log: silentLog };
const never = new AbortController().signal;

test("makes the synthetic engine with what is told and its own choice for the rest", async () => {
  const engine = createEngine(
    { engine: "synthetic", model: "load", slots: 7, firstTokenMs: undefined },
    surroundings,
  );
  expect(await engine.models(never)).toMatchObject([{ model: "load", slots: 7, engine: "synthetic" }]);
});

test("makes the embedded engine without touching the file: loading tells what is wrong with it", async () => {
  const engine = createEngine({ engine: "llama-cpp", model: "/nowhere/at-all.gguf" }, surroundings);
  await expect(engine.models(never)).rejects.toMatchObject({
    kind: "invalid_request",
    message: expect.stringContaining("/nowhere/at-all.gguf"),
  });
  await engine.close();
});

test.each<{ spec: EngineSpec; says: string[] }>([
  { spec: { engine: "gpt" as never }, says: ["`gpt`", "engine"] },
  {
    spec: { engine: "synthetic", slots: 0, tokensPerSecond: "fast" },
    says: ["slots: ", "tokensPerSecond: "],
  },
  { spec: { engine: "synthetic", speed: 9 }, says: ["speed"] },
  { spec: { engine: "llama-cpp" }, says: ["model: "] },
  { spec: { engine: "llama-cpp", model: "m.gguf", tokensPerSecond: 9 }, says: ["tokensPerSecond"] },
])("names every option that is wrong: $spec", ({ spec, says }) => {
  const attempt = () => createEngine(spec, surroundings);
  expect(attempt).toThrow(expect.objectContaining({ kind: "invalid_request" }));
  for (const words of says) expect(attempt).toThrow(words);
});

test.each<EngineSpec>([
  { engine: "synthetic" },
  { engine: "llama-cpp", model: "m.gguf" },
  { engine: "openai", url: "http://a:1" },
  { engine: "ollama" },
])("one bound holds for every engine and for the command line: $engine", (spec) => {
  for (const slots of [0, 65_537]) {
    expect(() => createEngine({ ...spec, slots }, surroundings)).toThrow("slots: ");
    expect(engineSettings.slots.schema.safeParse(slots).success).toBe(false);
  }
  expect(engineSettings.slots.schema.safeParse(65_536).success).toBe(true);
});

describe("models go by the catalogue's names", () => {
  const modelPath = fileURLToPath(new URL("../../models/starter.gguf", import.meta.url));

  test.each<[string, Partial<EngineSpec>, string]>([
    ["a file that it knows", {}, "starter"],
    ["one to which the provider gives another name", { as: { starter: "my-own" } }, "my-own"],
    ["one to which --model-name gives another name, which wins", { modelName: "x", as: { x: "y" } }, "x"],
  ])("%s: %j is %s", async (_, options, name) => {
    const engine = createEngine({ engine: "llama-cpp", model: modelPath, ...options }, surroundings);
    expect(await engine.models(never)).toMatchObject([{ model: name, engineName: "starter" }]);
    await engine.close();
  });
});
