import { describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { createLog } from "../../core/telemetry/log.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import {
  answering,
  answerOf,
  bearer,
  createScript,
  createTestApp,
  finishedEvent,
  modelOf,
  parseSse,
  question,
  startedEvent,
  testKey,
  testUser,
  textEvent,
} from "../../test/support/translator/translator.ts";
import type { AppOptions } from "./app.ts";

const url = "/v1/chat/completions";
const post = (parts: Partial<AppOptions> = {}, more: Record<string, unknown> = {}, headers = {}) =>
  createTestApp(parts).inject({
    method: "POST",
    url,
    headers: { ...bearer, ...headers },
    payload: question(more),
  });
const get = (path: string, parts: Partial<AppOptions> = {}, headers: Record<string, string> = bearer) =>
  createTestApp(parts).inject({ method: "GET", url: path, headers });
const streamed = { stream: true };

describe("a completion", () => {
  test.each(["/v1", "/api/v1"])("is answered at %s", async (prefix) => {
    const response = await createTestApp().inject({
      method: "POST",
      url: `${prefix}/chat/completions?api-version=1`,
      headers: { ...bearer, "content-type": "application/json; charset=utf-8" },
      payload: JSON.stringify(question()),
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.json().choices[0].message.content).toBe("Hello");
  });

  test("has as many choices as were asked for", async () => {
    const { choices, usage } = (await post({}, { n: 3 })).json();
    expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
    expect(usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 36, total_tokens: 45 });
  });

  test("carries who asks and under which names", async () => {
    const script = createScript();
    const response = post(
      { generate: script.generate },
      {},
      { "x-request-id": "mine-1", "x-user-id": testUser },
    );
    const { generation, push } = await script.next();
    push(...answerOf("ok"));
    const { headers, json } = await response;
    expect(generation.caller).toMatchObject({ userId: testUser, requestId: "mine-1" });
    expect(headers["x-request-id"]).toBe("mine-1");
    expect(json().id).toBe(generation.id);
  });

  test("reports how long it took, from the request's head to the answer's", async () => {
    const clock = new FakeClock();
    const script = createScript();
    const response = post({ clock, generate: script.generate });
    const call = await script.next();
    await clock.advance(1234);
    call.push(...answerOf("ok"));
    expect((await response).headers["openai-processing-ms"]).toBe("1234");
  });
});

describe("a stream", () => {
  test("has the headers that keep proxies from holding it back, and ends with [DONE]", async () => {
    const { statusCode, headers, body } = await post({}, streamed);
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^req_/),
      "openai-processing-ms": expect.stringMatching(/^\d+$/),
    });
    expect(headers).not.toHaveProperty("content-length");
    expect(parseSse(body).at(-1)).toBe("[DONE]");
  });

  test("reports the usage in the last chunk on request", async () => {
    const { body } = await post({}, { ...streamed, stream_options: { include_usage: true } });
    const chunks = parseSse(body)
      .slice(0, -1)
      .map((json) => JSON.parse(json));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 21 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("interleaves several answers, each with its own role and end", async () => {
    const script = createScript();
    const response = post({ generate: script.generate }, { ...streamed, n: 2, seed: 5 });
    const first = await script.next();
    const second = await script.next();
    first.push(startedEvent(), textEvent("a"));
    await new Promise(setImmediate);
    second.push(...answerOf("b"));
    await new Promise(setImmediate);
    first.push(textEvent("c"), finishedEvent());
    const chunks = parseSse((await response).body)
      .slice(0, -1)
      .map((json) => JSON.parse(json).choices[0]);
    expect(
      chunks.map(({ index, delta, finish_reason: end }) => [index, end ?? delta.role ?? delta.content]),
    ).toEqual([
      [0, "assistant"],
      [0, "a"],
      [1, "assistant"],
      [1, "b"],
      [1, "stop"],
      [0, "c"],
      [0, "stop"],
    ]);
    expect([first, second].map(({ generation }) => generation.sampling?.seed)).toEqual([5n, 6n]);
  });

  test("sends what one turn brought in one piece", async () => {
    const script = createScript();
    const response = await createTestApp({ generate: script.generate }).inject({
      method: "POST",
      url,
      headers: bearer,
      payload: question(streamed),
      payloadAsStream: true,
      // The answer only begins with the first text, so the call must be answered meanwhile.
      ...answerSoon(script, [startedEvent(), ...["a", "b", "c"].map(textEvent)]),
    });
    const [piece] = await readPieces(response.stream(), 1);
    expect(parseSse(piece!)).toHaveLength(4);
  });

  test("is kept alive by comments while nothing comes", async () => {
    const clock = new FakeClock();
    const script = createScript();
    const response = post({ clock, generate: script.generate }, streamed);
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    await clock.advance(14_000);
    call.push(textEvent("b"));
    await clock.advance(31_000);
    call.push(finishedEvent());
    const { body } = await response;
    expect(body.split(": keep-alive\n\n")).toHaveLength(3);
    expect(parseSse(body).at(-1)).toBe("[DONE]");
    await clock.advance(1);
    expect(clock.pending).toBe(0);
  });
});

/** Lets the call be answered once it has come. */
function answerSoon(
  script: ReturnType<typeof createScript>,
  events: Parameters<typeof answering>[0],
): object {
  void script.next().then(({ push }) => push(...events));
  return {};
}

async function readPieces(stream: NodeJS.ReadableStream, count: number): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of stream) {
    pieces.push(String(piece));
    if (pieces.length === count) break;
  }
  return pieces;
}

describe("a failure before anything was shown has its own status, streamed or not:", () => {
  test.each([
    { kind: "invalid_request", status: 400, type: "invalid_request_error", code: null },
    { kind: "rate_limited", status: 429, type: "requests", code: "rate_limit_exceeded" },
    { kind: "quota_exceeded", status: 429, type: "insufficient_quota", code: "insufficient_quota" },
    { kind: "caller_queue_full", status: 429, type: "requests", code: "rate_limit_exceeded" },
    { kind: "saturated", status: 503, type: "server_error", code: "overloaded" },
    { kind: "queue_expired", status: 503, type: "server_error", code: "overloaded" },
    { kind: "no_nodes", status: 503, type: "server_error", code: null },
    { kind: "engine_failed", status: 502, type: "server_error", code: null },
    { kind: "node_lost", status: 502, type: "server_error", code: null },
    { kind: "deadline", status: 504, type: "server_error", code: "timeout" },
  ] as const)("$kind is $status", async ({ kind, status, type, code }) => {
    // A node that has started and moved, but has shown nothing.
    const generate = answering([startedEvent(), textEvent("")], new MeshError(kind, "Why.", { param: "p" }));
    for (const more of [{}, streamed, { ...streamed, n: 2 }]) {
      const response = await post({ generate }, more);
      expect(response.statusCode).toBe(status);
      expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(response.json()).toEqual({ error: { message: "Why.", type, param: "p", code } });
      const helps = (status === 429 || status === 503) && kind !== "quota_exceeded";
      expect("retry-after" in response.headers).toBe(helps);
    }
  });

  test("an unknown model is reported in OpenAI's words, whatever the router said", async () => {
    const generate = answering([], new MeshError("model_not_found", "nobody serves it"));
    const response = await post({ generate }, streamed);
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({
      error: {
        message: "The model `m` does not exist or you do not have access to it.",
        type: "invalid_request_error",
        param: null,
        code: "model_not_found",
      },
    });
  });

  test("a bug is masked, logged with its cause, and not to be tried again", async () => {
    const lines: string[] = [];
    const log = createLog({ service: "translator", pretty: false, write: (line) => lines.push(line) });
    const generate = answering([startedEvent()], new TypeError("x is undefined"));
    const response = await post({ generate, log }, {}, { "x-request-id": "bug-1" });
    expect(response.statusCode).toBe(500);
    expect(response.headers["x-should-retry"]).toBe("false");
    expect(response.body).not.toContain("x is undefined");
    const logged = lines.map((line) => JSON.parse(line)).find(({ level }) => level === "error");
    expect(logged).toMatchObject({ request_id: "bug-1", err: { message: "x is undefined" } });
  });

  test("an answer that breaks off without its end is a failure of the engine", async () => {
    expect((await post({ generate: answering([startedEvent(), textEvent("a")]) })).statusCode).toBe(502);
  });
});

describe("a failure after that is the last event, without [DONE] and without an end that never was", () => {
  test.each([{ n: 1 }, { n: 2 }])("with $n choices", async ({ n }) => {
    const script = createScript();
    const response = post({ generate: script.generate }, { ...streamed, n });
    const calls = [await script.next(), ...(n === 2 ? [await script.next()] : [])];
    calls[0]!.push(startedEvent(), textEvent("a"));
    await new Promise(setImmediate);
    calls.at(-1)!.fail(new MeshError("node_lost", "The node went away."));
    const { statusCode, body } = await response;
    expect(statusCode).toBe(200);
    const data = parseSse(body).map((json) => JSON.parse(json));
    expect(data.at(-1)).toEqual({
      error: { message: "The node went away.", type: "server_error", param: null, code: null },
    });
    for (const { choices } of data.slice(0, -1)) expect(choices[0].finish_reason).toBeNull();
    // The request's other generations are aborted.
    for (const { signal } of calls) expect(signal.aborted).toBe(true);
  });
});

describe("a key", () => {
  test.each(["/v1/models", "/api/v1/models/m", url])(
    "is asked for before anything else: %s",
    async (path) => {
      const app = createTestApp();
      for (const method of ["GET", "POST", "DELETE"] as const) {
        const response = await app.inject({
          method,
          url: path,
          headers: { "content-type": "text/plain", "content-encoding": "gzip" },
          ...(method === "POST" ? { payload: "{" } : {}),
        });
        expect(response.statusCode).toBe(401);
        expect(response.headers["www-authenticate"]).toBe("Bearer");
        expect(response.json().error).toMatchObject({
          type: "invalid_request_error",
          code: null,
          param: null,
        });
      }
    },
  );

  test("of other users, and other users' ids, are refused", async () => {
    const wrong = await get("/v1/models", {}, { authorization: "Bearer sk-cx-somebody-else" });
    expect([wrong.statusCode, wrong.json().error.code]).toEqual([401, "invalid_api_key"]);
    const stolen = await get("/v1/models", {}, { ...bearer, "x-user-id": "user-2" });
    expect([stolen.statusCode, stolen.json().error.code]).toEqual([401, "invalid_api_key"]);
  });
});

describe("models", () => {
  const models = [modelOf("llama3.1:8b", 1_700_000_001n, 8192), modelOf("org/name"), modelOf("a b%")];
  const parts = { listModels: async () => models };

  test("are listed", async () => {
    expect((await get("/v1/models", parts)).json()).toEqual({
      object: "list",
      data: [
        {
          id: "llama3.1:8b",
          object: "model",
          created: 1_700_000_001,
          owned_by: "cxmpute-mesh",
          context_length: 8192,
        },
        { id: "org/name", object: "model", created: 1_700_000_000, owned_by: "cxmpute-mesh" },
        { id: "a b%", object: "model", created: 1_700_000_000, owned_by: "cxmpute-mesh" },
      ],
    });
  });

  test.each([
    { path: "llama3.1:8b", name: "llama3.1:8b" },
    { path: "llama3.1%3A8b", name: "llama3.1:8b" },
    { path: "org%2Fname", name: "org/name" },
    { path: "org/name", name: "org/name" },
    { path: "a%20b%25", name: "a b%" },
  ])("are told one by one: $path", async ({ path, name }) => {
    expect((await get(`/api/v1/models/${path}`, parts)).json().id).toBe(name);
  });

  test("that no node serves are not found", async () => {
    const response = await get("/v1/models/org%2Fother", parts);
    expect([response.statusCode, response.json().error.code]).toEqual([404, "model_not_found"]);
    expect(response.json().error.message).toContain("`org/other`");
  });

  test("cannot be listed when no router can", async () => {
    const response = await get("/v1/models", {
      listModels: async () => {
        throw new MeshError("no_nodes", "No router.");
      },
    });
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("1");
  });
});

describe("an address", () => {
  test.each([
    ["POST", "/v1/chat/completions/"],
    ["POST", "/v1/v1/chat/completions"],
    ["POST", "/chat/completions"],
    ["GET", "/v1/models/"],
    ["GET", "/"],
    ["PROPFIND", "/v1/x"],
  ])("that means nothing is named: %s %s", async (method, path) => {
    const response = await createTestApp().inject({
      method: method as "GET",
      url: `${path}?q=1`,
      headers: bearer,
    });
    expect(response.statusCode).toBe(404);
    expect(response.json().error).toEqual({
      message: `Invalid URL (${method} ${path})`,
      type: "invalid_request_error",
      param: null,
      code: null,
    });
    expect(response.headers["x-request-id"]).toMatch(/^req_/);
  });

  test("that does not exist is reported without a key", async () => {
    expect((await get("/v1/nowhere", {}, {})).statusCode).toBe(404);
  });

  test.each([
    ["GET", "/v1/chat/completions", "POST"],
    ["PUT", "/v1/chat/completions", "POST"],
    ["POST", "/v1/models", "GET"],
    ["DELETE", "/v1/models/m", "GET"],
  ])("knows its methods: not %s %s", async (method, path, allowed) => {
    const response = await createTestApp().inject({ method: method as "GET", url: path, headers: bearer });
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe(allowed);
    expect(response.json().error).toEqual({
      message: `Not allowed to ${method} on ${path}. Only ${allowed} requests are accepted.`,
      type: "invalid_request_error",
      param: null,
      code: "method_not_supported",
    });
  });

  test("that cannot be decoded is a bad request", async () => {
    const response = await get("/v1/models/%zz");
    expect([response.statusCode, response.json().error.type]).toEqual([400, "invalid_request_error"]);
    expect(response.headers["x-request-id"]).toMatch(/^req_/);
  });
});

describe("a body", () => {
  const send = (payload: string | Buffer, headers: Record<string, string>, parts: Partial<AppOptions> = {}) =>
    createTestApp(parts).inject({ method: "POST", url, headers: { ...bearer, ...headers }, payload });
  const json = { "content-type": "application/json" };

  test.each([
    {
      what: "as text",
      headers: { "content-type": "text/plain" },
      status: 415,
      code: "unsupported_content_type",
    },
    {
      what: "as a form",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      status: 415,
      code: "unsupported_content_type",
    },
    {
      what: "as nonsense",
      headers: { "content-type": "///" },
      status: 415,
      code: "unsupported_content_type",
    },
    {
      what: "compressed",
      headers: { ...json, "content-encoding": "gzip" },
      status: 415,
      code: "unsupported_content_encoding",
    },
  ])("$what is refused", async ({ headers, status, code }) => {
    const response = await send("{}", headers as unknown as Record<string, string>);
    expect([response.statusCode, response.json().error.code]).toEqual([status, code]);
  });

  test("of the wrong type is named in the error", async () => {
    expect((await send("hi", { "content-type": "text/plain" })).json().error.message).toBe(
      "Unsupported content type: 'text/plain'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: text/plain'.",
    );
  });

  test("may say that it is not compressed", async () => {
    const response = await send(JSON.stringify(question()), { ...json, "content-encoding": "identity" });
    expect(response.statusCode).toBe(200);
  });

  test("may be as large as the limit and no larger", async () => {
    const body = JSON.stringify(question());
    const parts = { bodyLimitBytes: body.length };
    expect((await send(body, json, parts)).statusCode).toBe(200);
    const response = await send(`${body} `, json, parts);
    expect([response.statusCode, response.json().error.code]).toEqual([413, "request_too_large"]);
  });

  test.each(["{", "[]", "", '{"model":"m",}', Buffer.from([0x22, 0xff, 0x22])])(
    "that is no JSON object is refused: %s",
    async (body) => {
      const response = await send(body, json);
      expect(response.statusCode).toBe(400);
      expect(response.json().error).toMatchObject({ type: "invalid_request_error", param: null, code: null });
      expect(response.json().error.message).toContain("We could not parse the JSON body of your request.");
    },
  );

  test("that is missing is refused in the same way", async () => {
    const response = await createTestApp().inject({ method: "POST", url, headers: bearer });
    expect(response.statusCode).toBe(400);
    expect(response.json().error.message).toContain("We could not parse the JSON body of your request.");
  });
});

describe("a page in a browser", () => {
  test("may ask beforehand, for any headers, without a key", async () => {
    const asked =
      "authorization, content-type, x-stainless-lang, x-stainless-retry-count, openai-organization";
    const response = await createTestApp().inject({
      method: "OPTIONS",
      url,
      headers: {
        origin: "https://example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": asked,
      },
    });
    expect(response.statusCode).toBe(204);
    expect(response.headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": asked,
      "access-control-max-age": "7200",
    });
  });

  test.each([{}, streamed])("may read the answer and its headers: %j", async (more) => {
    const { headers } = await post({}, more, { origin: "https://example.com" });
    expect(headers["access-control-allow-origin"]).toBe("*");
    expect(headers["access-control-expose-headers"]).toContain("x-request-id");
  });

  test("may read why it was refused", async () => {
    const { headers } = await get("/v1/models", {}, { origin: "https://example.com" });
    expect(headers["access-control-allow-origin"]).toBe("*");
  });
});

describe("health", () => {
  test("is sent without a key", async () => {
    expect((await get("/healthz", {}, {})).json()).toEqual({ status: "ok", service: "cxmpute" });
  });

  test("is ready exactly when some model can be served, and says why when it is not", async () => {
    const ready = async (listModels: AppOptions["listModels"], isDraining = () => false) => {
      const response = await get("/readyz", { listModels, isDraining }, {});
      return [response.statusCode, response.json().reason];
    };
    expect(await ready(async () => [modelOf("m")])).toEqual([200, undefined]);
    expect(await ready(async () => [])).toEqual([503, "No node serves a model yet."]);
    const lost = async () => {
      throw new MeshError("no_nodes", "No router can be reached.");
    };
    expect(await ready(lost)).toEqual([
      503,
      "Which models can be served is not known: No router can be reached.",
    ]);
    expect(
      await ready(
        async () => [modelOf("m")],
        () => true,
      ),
    ).toEqual([503, "The service is shutting down."]);
  });
});

test("the log has one line for each generation, and neither prompt nor answer nor key", async () => {
  const lines: string[] = [];
  const log = createLog({ service: "translator", pretty: false, write: (line) => lines.push(line) });
  const app = createTestApp({ log, generate: answering(answerOf("canary-answer")) });
  const ask = (payload: object) =>
    app.inject({ method: "POST", url, headers: { ...bearer, "x-request-id": "r-1" }, payload });
  await ask(question({ n: 2, messages: [{ role: "user", content: "canary-prompt" }] }));
  await ask(question({ messages: [{ role: "user", content: "canary-prompt" }], temperature: 9 }));
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    [0, 1].map((index) =>
      expect.objectContaining({
        msg: "generation finished",
        request_id: "r-1",
        generation_id: expect.stringMatching(new RegExp(`^chatcmpl-[0-9a-f]{32}-${index}$`)),
        model: "m",
        node_id: "node-1",
        user_id: testUser,
        outcome: "stop",
        prompt_tokens: 9,
        completion_tokens: 12,
      }),
    ),
  );
  for (const secret of ["canary-prompt", "canary-answer", testKey])
    expect(lines.join("")).not.toContain(secret);
});

test("a server that is draining asks clients to leave", async () => {
  const parts = { isDraining: () => true };
  for (const response of [await post(parts), await post(parts, streamed), await get("/v1/x", parts)])
    expect(response.headers.connection).toBe("close");
});

test("slow senders are cut, slow answers are not", () => {
  const { server } = createTestApp();
  expect([server.headersTimeout, server.requestTimeout, server.timeout]).toEqual([10_000, 30_000, 0]);
});
