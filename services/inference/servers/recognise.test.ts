import { describe, expect, test } from "vitest";
import { type Script, scripts } from "../../../test/support/inference/discover.ts";
import type { Answer } from "./ask.ts";
import { asksForKey, recognise, signPaths } from "./recognise.ts";

/** What would be collected from a server that answers by the script. */
function answersOf(script: Script): Parameters<typeof recognise>[0] {
  const answer = (path: string): Answer => {
    const scripted = script[path];
    const json = scripted !== undefined && "json" in scripted ? scripted.json : undefined;
    const status = scripted?.status ?? (scripted === undefined ? 404 : 200);
    return { status, headers: new Headers(), mediaType: "", text: "", json };
  };
  return { list: answer("/v1/models"), own: new Map(signPaths.map((path) => [path, answer(path)])) };
}

describe("a server is told from the others by what it answers", () => {
  test.each<{ script: keyof typeof scripts; is: object }>([
    {
      script: "ollama",
      is: {
        kind: "ollama",
        engine: "ollama",
        version: "0.12.6",
        models: [{ name: "llama3.1:8b" }, { name: "my-tune:latest" }],
      },
    },
    {
      script: "llamaServer",
      is: {
        kind: "llama-server",
        engine: "openai",
        version: "b6800-0123abc",
        models: [{ name: "/models/Qwen3-8B-Q4_K_M.gguf", contextLength: 4096, slots: 4, vision: false }],
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
  ])("$script", ({ script, is }) => {
    expect(recognise(answersOf(scripts[script]))).toMatchObject(is);
  });
});

test.each(["locked", "webPage"] as const)("%s is none that serves models", (script) => {
  const answers = answersOf(scripts[script]);
  expect([recognise(answers), asksForKey(answers)]).toEqual([undefined, script === "locked"]);
});

test("a mesh is known as one without /healthz too, by who owns its models", () => {
  const data = [{ id: "starter", object: "model", owned_by: "cxmpute-mesh" }];
  expect(recognise(answersOf({ "/v1/models": { json: { object: "list", data } } }))).toMatchObject({
    kind: "mesh",
    engine: "openai",
    models: [{ name: "starter" }],
  });
});

test("an Ollama that nothing was pulled into has no models", () => {
  const script = { ...scripts.ollama, "/api/tags": { json: { models: null } } };
  expect(recognise(answersOf(script))).toMatchObject({ kind: "ollama", models: [] });
});

test("a page that refuses everybody is no engine that wants a key", () => {
  const answers = answersOf({ "/v1/models": { html: "<html>Sign in</html>", status: 403 } });
  expect([recognise(answers), asksForKey(answers)]).toEqual([undefined, false]);
});

test("answers of another shape are no proof", () => {
  const paths = ["/v1/models", ...signPaths];
  const nonsense: Script = Object.fromEntries(paths.map((path) => [path, { json: { version: 1 } }]));
  expect(recognise(answersOf(nonsense))).toBeUndefined();
});

test("an Ollama of which only OpenAI's endpoints are let through is spoken to in OpenAI's API", () => {
  const { "/v1/models": list } = scripts.ollama;
  expect(recognise(answersOf({ "/v1/models": list }))).toMatchObject({ kind: "ollama", engine: "openai" });
});
