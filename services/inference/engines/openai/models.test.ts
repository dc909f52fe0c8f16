import { describe, expect, test } from "vitest";
import { createLog } from "../../../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import {
  engineFor,
  hold,
  modelList,
  never,
  type Received,
  type Script,
  scriptedServer,
  sendJson,
} from "../../../../test/support/inference/openai.ts";
import { createOpenAiEngine } from "./index.ts";
import type { OpenAiOptions } from "./options.ts";

/** Answers GETs by their path; what is not there is 404. */
const paths =
  (answers: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>> = {}): Script =>
  (received) => {
    const answer = answers[received.path];
    if (answer === undefined) sendJson(received, { error: "not found" }, 404);
    else sendJson(received, answer, 200, headers);
  };

/** What an engine in front of such a server serves, and what it has logged. */
async function serve(script: Script, options: Partial<OpenAiOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: "test",
    pretty: false,
    write: (line) => void lines.push(JSON.parse(line)),
  });
  const server = await scriptedServer(script);
  try {
    const engine = await engineFor(server, { log, ...options });
    return { models: await engine.models(never), lines, received: server.received };
  } finally {
    await server.close();
  }
}

const model = (id: string, more: object = {}) => ({ id, object: "model", created: 1, ...more });
const listOf = (...data: object[]) => ({ object: "list", data });

const llamaProps = {
  default_generation_settings: { n_ctx: 2048 },
  total_slots: 4,
  build_info: "b11669",
  modalities: { vision: true, audio: false },
};
const llamaList = listOf(
  model("starter", { owned_by: "llamacpp", meta: { n_ctx_train: 131_072, n_params: 5 } }),
);

test("a llama-server tells its slots, the context of each, and whether it sees", async () => {
  const { models, lines } = await serve(paths({ "/v1/models": llamaList, "/props": llamaProps }));
  expect(models).toMatchObject([
    { model: "starter", engineName: "starter", engine: "openai", contextLength: 2048, slots: 4 },
  ]);
  expect(models[0]?.capabilities).toMatchObject({
    vision: true,
    tools: true,
    resume: Capabilities_Resume.TEXT,
  });
  expect(lines).toMatchObject([
    { level: "info", server: "llama-server", msg: "serving 1 models of llama-server" },
  ]);
});

test("a llama-server that hides its properties is told by its header, and by its list", async () => {
  const list = listOf(model("starter", { meta: { n_ctx_train: 8192 } }));
  const { models, lines } = await serve(paths({ "/v1/models": list }, { server: "llama.cpp" }));
  expect(models).toMatchObject([{ contextLength: 8192, slots: 1 }]);
  expect(lines).toMatchObject([{ server: "llama-server" }]);
});

test("vLLM tells each model's context and its version; a LoRA is a model of its own", async () => {
  const list = listOf(
    model("meta-llama/Llama-3.1-8B-Instruct", { owned_by: "vllm", max_model_len: 32_768, root: "x" }),
    model("sql-lora", { owned_by: "vllm", max_model_len: null, root: "/loras/sql" }),
  );
  const { models, lines } = await serve(paths({ "/v1/models": list, "/version": { version: "0.12.0" } }));
  expect(models).toMatchObject([
    { model: "meta-llama/Llama-3.1-8B-Instruct", contextLength: 32_768, slots: 64 },
    { model: "sql-lora", contextLength: 4096, slots: 64 },
  ]);
  expect(models[0]?.fingerprint).not.toBe(models[1]?.fingerprint);
  expect(lines[0]).toMatchObject({ server: "vllm", server_version: "0.12.0" });
});

test("SGLang is told by its owner", async () => {
  const list = listOf(model("qwen", { owned_by: "sglang", max_model_len: 40_960 }));
  const { models, lines } = await serve(paths({ "/v1/models": list }));
  expect([models[0]?.contextLength, lines[0]?.server]).toEqual([40_960, "sglang"]);
});

describe("LM Studio", () => {
  const list = listOf(model("loaded"), model("sleeping"), model("words"));
  const studio = {
    data: [
      {
        id: "loaded",
        type: "vlm",
        state: "loaded",
        loaded_context_length: 8192,
        max_context_length: 131_072,
      },
      { id: "sleeping", type: "llm", state: "not-loaded", max_context_length: 32_768 },
      { id: "words", type: "embeddings", state: "loaded", max_context_length: 2048 },
    ],
  };
  const script = paths({ "/v1/models": list, "/api/v0/models": studio });

  test("serves what is loaded, each as what it is", async () => {
    const { models, lines } = await serve(script);
    expect(lines[0]).toMatchObject({ server: "lm-studio" });
    expect(models.map(({ model: name, contextLength }) => [name, contextLength])).toEqual([
      ["loaded", 8192],
      ["words", 2048],
    ]);
    expect(models[0]?.capabilities).toMatchObject({ vision: true, embeddings: false, tools: true });
    expect(models[1]?.capabilities).toMatchObject({ vision: false, embeddings: true, tools: false });
  });

  test("serves what the provider names, loaded or not, and knows which", async () => {
    const server = await scriptedServer(script);
    const engine = await engineFor(server, { only: ["sleeping", "loaded"] });
    expect((await engine.models(never)).map(({ model: name }) => [name, engine.isLoaded?.(name)])).toEqual([
      ["loaded", true],
      ["sleeping", false],
    ]);
    await server.close();
  });

  test("without a loaded model says what to do", async () => {
    const none = { data: studio.data.map((entry) => ({ ...entry, state: "not-loaded" })) };
    const answer = serve(paths({ "/v1/models": list, "/api/v0/models": none }));
    await expect(answer).rejects.toThrow(
      /^The server at http:\S+\/v1 has no model loaded\. Load one into it, or name one to serve with --only: `loaded`, `sleeping`, `words`\.$/,
    );
  });
});

test("Text Generation Inference is told by its /info", async () => {
  const info = { model_id: "x", max_total_tokens: 6000, max_concurrent_requests: 128, version: "3.3.0" };
  const { models, lines } = await serve(
    paths({ "/v1/models": listOf(model("x", { owned_by: "x" })), "/info": info }),
  );
  expect([models[0]?.contextLength, models[0]?.slots, lines[0]?.server]).toEqual([6000, 128, "tgi"]);
});

test("another mesh tells context and slots in its catalogue", async () => {
  const list = listOf(
    model("starter", { owned_by: "cxmpute-mesh", context_length: 1024 }),
    model("blind", { owned_by: "cxmpute-mesh", context_length: 512 }),
  );
  const catalogue = {
    data: [
      { id: "starter", capabilities: null, serving: { slots: 12, context_length: 1024 } },
      { id: "blind", capabilities: ["tools"], serving: { slots: 3, context_length: null } },
    ],
  };
  const { models } = await serve(paths({ "/v1/models": list, "/v1/catalogue": catalogue }));
  expect(
    models.map(({ contextLength, slots, capabilities }) => [contextLength, slots, capabilities?.vision]),
  ).toEqual([
    [1024, 12, true],
    [512, 3, false],
  ]);
});

describe("an unknown server", () => {
  const list = modelList("a", "b");

  test("has a context that is assumed, and says so once", async () => {
    const { models, lines } = await serve(paths({ "/v1/models": list }));
    expect(models.map(({ contextLength, slots }) => [contextLength, slots])).toEqual([
      [4096, 4],
      [4096, 4],
    ]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "serving 2 models of a server with OpenAI's API",
      "the server does not report the context length of its models: assuming 4096 tokens; set it with --context-size",
    ]);
  });

  test("is what the provider says that it is", async () => {
    const { models, lines } = await serve(paths({ "/v1/models": list }), { slots: 9, contextSize: 16_384 });
    expect(models.map(({ contextLength, slots }) => [contextLength, slots])).toEqual([
      [16_384, 9],
      [16_384, 9],
    ]);
    expect(lines).toHaveLength(1);
  });

  test("may send the bare list, the same model twice, and entries that are none", async () => {
    const { models } = await serve(
      paths({ "/v1/models": [model("a"), model("a"), { id: 7 }, null, model("")] }),
    );
    expect(models.map(({ model: name }) => name)).toEqual(["a"]);
  });
});

test("Ollama behind its OpenAI endpoints is served, with a hint", async () => {
  const { lines } = await serve(paths({ "/v1/models": listOf(model("llama3.2", { owned_by: "library" })) }));
  expect(lines.map(({ msg }) => msg)).toContain(
    "this is Ollama: its OpenAI endpoints ignore forced tool calls; the engine `ollama` speaks its own protocol",
  );
});

describe("`only`", () => {
  const script = paths({ "/v1/models": modelList("a", "b", "c") });

  test("chooses by the server's names", async () => {
    expect((await serve(script, { only: ["c", "a"] })).models.map(({ model: name }) => name)).toEqual([
      "a",
      "c",
    ]);
  });

  test("with a name that is not there lists what there is", async () => {
    await expect(serve(script, { only: ["a", "d"] })).rejects.toThrow(
      /^The server at http:\S+\/v1 does not serve `d`\. It serves: `a`, `b`, `c`\.$/,
    );
  });

  test("lets a model go and come again later on", async () => {
    let list = modelList("a", "b");
    const server = await scriptedServer((received) => {
      if (received.path === "/v1/models") sendJson(received, list);
    });
    const engine = await engineFor(server, { only: ["a", "b"] });
    list = modelList("b");
    expect((await engine.models(never)).map(({ model: name }) => name)).toEqual(["b"]);
    list = modelList("x");
    await expect(engine.models(never)).rejects.toThrow(/does not serve `a`, `b`/);
    await server.close();
  });
});

test("the fingerprint depends on server, version and model, not on the address", async () => {
  const at = (script: Script) => serve(script).then(({ models }) => models[0]?.fingerprint);
  const script = paths({ "/v1/models": llamaList, "/props": llamaProps });
  const newer = paths({ "/v1/models": llamaList, "/props": { ...llamaProps, build_info: "b20000" } });
  expect(await at(script)).toBe(await at(script));
  expect(await at(script)).not.toBe(await at(newer));
  expect(await at(script)).toMatch(/^[0-9a-f]{16}$/);
});

describe("the address", () => {
  test.each([
    ["", "/v1/models"],
    ["/", "/v1/models"],
    ["/v1", "/v1/models"],
    ["/v1/", "/v1/models"],
    ["/v1/chat/completions", "/v1/models"],
    ["/v1/models", "/v1/models"],
    ["/api/v1", "/api/v1/models"],
    ["/openai", "/openai/models"],
  ])("with the path %j is asked at %s", async (path, asked) => {
    const server = await scriptedServer((received) => {
      if (received.path.endsWith("/models")) sendJson(received, modelList("m"));
    });
    await engineFor({ url: `${server.url}${path}` });
    expect(server.received[0]?.path).toBe(asked);
    await server.close();
  });

  test("may lack http://", async () => {
    const server = await scriptedServer(() => {});
    await engineFor({ url: server.url.replace("http://", "") });
    expect(server.received[0]?.path).toBe("/v1/models");
    await server.close();
  });

  test.each([
    ["ftp://127.0.0.1", "is not the address of an HTTP server. Give one such as http://127.0.0.1:8000"],
    ["http://", "is not the address of an HTTP server. Give one such as http://127.0.0.1:8000"],
    [
      "http://a:b@127.0.0.1",
      "holds a user name or password. Leave them out, and give the server's key as the engine's key",
    ],
    ["http://127.0.0.1/v1?key=1", "has a query. Leave out everything after the path"],
  ])("%s is refused at once", (url, fault) => {
    const make = () =>
      createOpenAiEngine(
        { url },
        { clock: new FakeClock(), log: createLog({ service: "t", level: "silent" }) },
      );
    expect(make).toThrow(
      expect.objectContaining({
        kind: "invalid_request",
        message: `The address of the engine's server ${fault}.`,
      }),
    );
  });
});

describe("a server that cannot tell what it serves", () => {
  const page = ({ response }: Received) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<html>It works!</html>");
  };

  test.each<{ what: string; script: Script; says: RegExp }>([
    {
      what: "a web page",
      script: page,
      says: /is not an OpenAI-compatible server: it sent a web page instead of JSON\. Check the address and the port\.$/,
    },
    {
      what: "other JSON",
      script: (received) => sendJson(received, { hello: 1 }),
      says: /lists no models, so it is not an OpenAI-compatible server\. Check the address and the port\.$/,
    },
    {
      what: "an error with status 200",
      script: (received) => sendJson(received, { error: { message: "still warming up" } }),
      says: /failed \(HTTP 500\)\. Its log says why\. It said: still warming up$/,
    },
    {
      what: "no model",
      script: paths({ "/v1/models": modelList() }),
      says: /serves no model\. Load one into it, and it is found within seconds\.$/,
    },
    {
      what: "401",
      script: (received) => sendJson(received, { error: { message: "Invalid API Key" } }, 401),
      says: /refused the key \(HTTP 401\)\. Give the key that it was started with as the engine's key\. It said: Invalid API Key$/,
    },
    {
      what: "404",
      script: (received) => sendJson(received, {}, 404),
      says: /has no such model or endpoint \(HTTP 404\)\. Check that it is OpenAI-compatible and that the address ends where its endpoints begin, mostly with \/v1\.$/,
    },
    {
      what: "503",
      script: (received) => sendJson(received, { error: { message: "Loading model" } }, 503),
      says: /is busy or still loading \(HTTP 503\)\. Wait, or give this node fewer slots\. It said: Loading model$/,
    },
    {
      what: "a redirect",
      script: (received) => sendJson(received, {}, 302, { location: "http://example.com" }),
      says: /redirects to another address \(HTTP 302\)\. Give that address instead: keys are never sent to a redirect's target\.$/,
    },
  ])("because it sends $what says what to do", async ({ script, says }) => {
    const answer = serve(script);
    await expect(answer).rejects.toMatchObject({ kind: "engine_failed" });
    await expect(answer).rejects.toThrow(says);
  });

  test("within ten seconds is given up", async () => {
    const asked = Promise.withResolvers<Received>();
    const server = await scriptedServer((received) => {
      hold(received);
      asked.resolve(received);
    });
    const clock = new FakeClock();
    const answer = engineFor(server, { clock });
    answer.catch(() => {});
    const { aborted } = await asked.promise;
    await clock.advance(10_000);
    await expect(answer).rejects.toThrow(
      `The server at ${server.url}/v1 did not list its models within 10 s. Check whether it is still loading, or overloaded.`,
    );
    await aborted;
    expect(clock.pending).toBe(0);
    await server.close();
  });

  test("is no longer asked when nobody waits", async () => {
    const asked = Promise.withResolvers<Received>();
    const server = await scriptedServer((received) => {
      hold(received);
      asked.resolve(received);
    });
    const controller = new AbortController();
    const engine = createOpenAiEngine(
      { url: server.url },
      { clock: new FakeClock(), log: createLog({ service: "t", level: "silent" }) },
    );
    const answer = engine.models(controller.signal);
    const { aborted } = await asked.promise;
    controller.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await aborted;
    await server.close();
  });
});

test("a server that its list does not name is asked what it is until it has answered, and then no more", async () => {
  const asked: string[] = [];
  const server = await scriptedServer((received) => {
    asked.push(received.path);
    if (received.path === "/v1/models") sendJson(received, modelList("m"));
  });
  const engine = await engineFor(server);
  const first = asked.splice(0);
  await engine.models(never);
  expect(first).toContain("/info");
  expect(asked).toEqual(["/v1/models"]);
  await server.close();
});
