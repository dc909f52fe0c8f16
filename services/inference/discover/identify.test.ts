import { describe, expect, test } from "vitest";
import { type Script, scripts } from "../../../test/support/inference/discover.ts";
import type { Answer } from "./ask.ts";
import { type Facts, factPaths } from "./facts.ts";
import { identify } from "./identify.ts";

/** What would be collected from a server that answers by the script. */
function factsOf(script: Script): Facts {
  const entries = factPaths.map((path): [string, Answer] => {
    const scripted = script[path];
    if (scripted === undefined) return [path, { status: 404, mediaType: "text/html", json: undefined }];
    const json = "json" in scripted ? scripted.json : undefined;
    const mediaType = json === undefined ? "text/html" : "application/json";
    return [path, { status: scripted.status ?? 200, mediaType, json }];
  });
  return Object.fromEntries(entries) as Facts;
}

describe("a server is told from the others by what it answers", () => {
  test.each<{ script: keyof typeof scripts; is: object }>([
    {
      script: "ollama",
      is: {
        kind: "ollama",
        engine: "ollama",
        version: "0.12.6",
        models: [
          { name: "llama3.1:8b", sizeBytes: 4_920_753_328 },
          { name: "my-tune:latest", sizeBytes: 1_000_000 },
        ],
      },
    },
    {
      script: "llamaServer",
      is: {
        kind: "llama-server",
        engine: "openai",
        version: "b6800-0123abc",
        models: [{ name: "/models/Qwen3-8B-Q4_K_M.gguf", sizeBytes: 5_027_783_488 }],
      },
    },
    {
      script: "vllm",
      is: {
        kind: "vllm",
        engine: "openai",
        version: "0.11.0",
        models: [{ name: "meta-llama/Llama-3.1-8B-Instruct", contextLength: 131_072 }],
      },
    },
    {
      script: "sglang",
      is: { kind: "sglang", engine: "openai", models: [{ name: "Qwen/Qwen3-8B", contextLength: 40_960 }] },
    },
    {
      script: "tgi",
      is: {
        kind: "tgi",
        engine: "openai",
        version: "3.3.4",
        models: [{ name: "bigscience/bloom-560m", contextLength: 2048 }],
      },
    },
    {
      script: "lmStudio",
      is: {
        kind: "lm-studio",
        engine: "openai",
        models: [{ name: "qwen2.5-7b-instruct", contextLength: 32_768 }],
      },
    },
    { script: "openAi", is: { kind: "openai", engine: "openai", models: [{ name: "some-model" }] } },
    { script: "mesh", is: { kind: "mesh", engine: "openai", models: [] } },
    { script: "locked", is: { kind: "locked" } },
    { script: "webPage", is: { kind: "other" } },
  ])("$script", ({ script, is }) => {
    expect(identify(factsOf(scripts[script]))).toEqual(is);
  });
});

test("a mesh is known as one without /healthz too, by who owns its models", () => {
  const data = [{ id: "starter", object: "model", owned_by: "cxmpute-mesh" }];
  expect(identify(factsOf({ "/v1/models": { json: { object: "list", data } } }))).toEqual({
    kind: "mesh",
    engine: "openai",
    models: [{ name: "starter" }],
  });
});

test("an Ollama that nothing was pulled into has no models", () => {
  const script = { ...scripts.ollama, "/api/tags": { json: { models: null } } };
  expect(identify(factsOf(script))).toMatchObject({ kind: "ollama", models: [] });
});

test("a page that refuses everybody is no engine that wants a key", () => {
  expect(identify(factsOf({ "/v1/models": { html: "<html>Sign in</html>", status: 403 } }))).toEqual({
    kind: "other",
  });
});

test("answers of another shape are no proof", () => {
  const nonsense: Script = Object.fromEntries(factPaths.map((path) => [path, { json: [{ version: 1 }] }]));
  expect(identify(factsOf(nonsense))).toEqual({ kind: "other" });
});
