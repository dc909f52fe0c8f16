import { beforeAll, describe, expect, test } from "vitest";
import type { OpenApiDocument } from "../../services/translator/openapi/document.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";
import { createValidate, type Validate } from "../support/translator/openapi.ts";

let mesh: SharedMesh;
let validate: Validate;
beforeAll(async () => {
  mesh = await sharedMesh("in one process");
  const response = await fetch(`${mesh.url}/openapi.json`);
  validate = createValidate((await response.json()) as OpenApiDocument);
});

const get = (path: string, headers = mesh.headers) => fetch(`${mesh.url}${path}`, { headers });

const post = (path: string, body: object, headers = mesh.headers) =>
  fetch(`${mesh.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });

const ask = (more: object = {}, headers = mesh.headers) =>
  post(
    "/v1/chat/completions",
    { model: mesh.model, messages: [{ role: "user", content: "What is the weather in Oslo?" }], ...more },
    headers,
  );

const getWeather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const chat = { method: "post", path: "/chat/completions" };

describe("what the starter model answers is as /openapi.json describes it", () => {
  test.each([
    ["text", {}],
    ["two answers with log probabilities", { n: 2, logprobs: true, top_logprobs: 3, max_tokens: 8 }],
    ["a tool call", { tools: [getWeather], tool_choice: "required" }],
    ["a JSON object", { response_format: { type: "json_object" }, max_tokens: 64 }],
  ])("%s, at once and as a stream", async (_, more) => {
    const whole = await ask(more);
    expect(whole.status).toBe(200);
    expect(validate({ ...chat, status: 200 }, await whole.json())).toEqual([]);

    const stream = await ask({ ...more, stream: true, stream_options: { include_usage: true } });
    const events = (await stream.text()).split("\n\n").filter((event) => event.startsWith("data: {"));
    expect(events.length).toBeGreaterThan(2);
    for (const event of events)
      expect(
        validate({ ...chat, status: 200, type: "text/event-stream" }, JSON.parse(event.slice(6))),
      ).toEqual([]);
  });

  test.each([
    ["/completions", { prompt: "Hello", max_tokens: 8, logprobs: 2 }],
    [
      "/messages",
      { messages: [{ role: "user", content: "What is the capital of France?" }], max_tokens: 64 },
    ],
    [
      "/messages",
      {
        messages: [{ role: "user", content: "What is the weather in Oslo?" }],
        max_tokens: 128,
        tools: [{ name: "get_weather", input_schema: getWeather.function.parameters }],
        tool_choice: { type: "any" },
      },
    ],
    ["/responses", { input: "What is the capital of France?", top_logprobs: 2 }],
    [
      "/responses",
      {
        input: "What is the weather in Oslo?",
        tools: [{ ...getWeather.function, type: "function" }],
        tool_choice: "required",
      },
    ],
  ])("what %s says to %j, at once and as a stream", async (path, body) => {
    const where = { method: "post", path, status: 200 };
    const whole = await post(`/v1${path}`, { model: mesh.model, ...body });
    const answer = await whole.json();
    expect([whole.status, validate(where, answer)]).toEqual([200, []]);

    const stream = await post(`/v1${path}`, { model: mesh.model, ...body, stream: true });
    const events = [...(await stream.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data]) =>
      JSON.parse(data!),
    );
    expect(events.length).toBeGreaterThan(2);
    for (const event of events) expect(validate({ ...where, type: "text/event-stream" }, event)).toEqual([]);
  });

  test.each(["float", "base64"])("embeddings as %s", async (encoding_format) => {
    const body = { model: mesh.model, input: ["Hello", "Good morning"], encoding_format };
    const answer = await post("/v1/embeddings", body);
    const where = { method: "post", path: "/embeddings", status: 200 };
    expect([answer.status, validate(where, await answer.json())]).toEqual([200, []]);
  });

  test("errors", async () => {
    const faults = [
      { status: 400, response: ask({ temperature: 3 }) },
      { status: 401, response: ask({}, { ...mesh.headers, authorization: "Bearer sk-wrong-0123456789" }) },
      { status: 404, response: ask({ model: "no/such:model" }) },
      { status: 415, response: ask({}, { ...mesh.headers, "content-type": "text/plain" }) },
    ];
    for (const { status, response } of faults) {
      const answer = await response;
      expect(answer.status).toBe(status);
      expect(validate({ ...chat, status }, await answer.json())).toEqual([]);
    }
  });

  test("the list of models, one of them, and one that is not there", async () => {
    const list = await (await get("/v1/models")).json();
    expect(validate({ method: "get", path: "/models", status: 200 }, list)).toEqual([]);
    const one = { method: "get", path: "/models/{model}" };
    expect(validate({ ...one, status: 200 }, await (await get(`/v1/models/${mesh.model}`)).json())).toEqual(
      [],
    );
    expect(validate({ ...one, status: 404 }, await (await get("/v1/models/none")).json())).toEqual([]);
  });

  test("readiness", async () => {
    expect(
      validate({ method: "get", path: "/readyz", status: 200 }, await (await get("/readyz")).json()),
    ).toEqual([]);
  });
});

describe("the catalogue of a running mesh", () => {
  const read = async (mount: string) => {
    const body = (await (await get(`${mount}/catalogue`)).json()) as {
      data: { id: string; size: string; serving: { nodes: number; tokens_per_second: number | null } }[];
    };
    expect(validate({ method: "get", path: "/catalogue", status: 200 }, body)).toEqual([]);
    return body.data;
  };

  test("tells how many nodes serve a model, and how fast it was, once it has answered", async () => {
    await (await ask({ max_tokens: 32 })).json();
    await expect
      .poll(async () => (await read("/v1")).find(({ id }) => id === mesh.model))
      .toMatchObject({
        size: "2.23M",
        serving: { nodes: 1, context_length: 1024, tokens_per_second: expect.any(Number) },
      });
  });

  test("holds the documented models too, which no node serves", async () => {
    const models = await read("/api/v1");
    expect(models.slice(0, 5).map(({ id, serving }) => [id, serving.nodes])).toEqual([
      ["llama3.1:8b", 0],
      ["llama3.1:70b", 0],
      ["codellama:13b", 0],
      ["mixtral:8x7b", 0],
      ["qwen2.5:14b", 0],
    ]);
  });
});
