import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { FinishReason, GenerationEventSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { createValidate } from "../../../test/support/translator/openapi.ts";
import {
  answering,
  answerOf,
  bearer,
  createTestApp,
  deltaEvent,
  finishedEvent,
  parseSse,
  question,
  startedEvent,
} from "../../../test/support/translator/translator.ts";
import { toDocument } from "./document.ts";

const validate = createValidate(toDocument());

/** What a stream's events carry, whether they have names or not; `[DONE]` aside. */
const dataOf = (stream: string): unknown[] =>
  [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!));

describe("answers are as described", () => {
  const chat = { method: "post", path: "/chat/completions" };
  const token = { text: "Hi", bytes: new Uint8Array([72, 105]), logprob: -0.5 };
  const cases = {
    text: { events: answerOf("Hello", " there"), body: {} },
    "several answers": { events: answerOf("Hello"), body: { n: 2 } },
    thoughts: {
      events: [
        startedEvent(),
        deltaEvent({ reasoning: "Hm." }),
        deltaEvent({ text: "Yes." }),
        finishedEvent(),
      ],
      body: {},
    },
    "log probabilities": {
      events: [
        startedEvent(),
        deltaEvent({ text: "Hi", logprobs: [{ token, top: [token] }] }),
        finishedEvent(),
      ],
      body: { logprobs: true, top_logprobs: 1 },
    },
    "tool calls": {
      events: [
        startedEvent(),
        deltaEvent({ toolCalls: [{ index: 0, id: "c", name: "f", argumentsJson: '{"a":' }] }),
        deltaEvent({ toolCalls: [{ index: 0, argumentsJson: "1}" }] }),
        finishedEvent(FinishReason.TOOL_CALLS),
      ],
      body: { tools: [{ type: "function", function: { name: "f" } }] },
    },
    "a call in the legacy form": {
      events: [
        startedEvent(),
        deltaEvent({ toolCalls: [{ index: 0, id: "c", name: "f", argumentsJson: "{}" }] }),
        finishedEvent(FinishReason.TOOL_CALLS),
      ],
      body: { functions: [{ name: "f" }] },
    },
  };

  test.each(Object.entries(cases))("a completion with %s", async (_, { events, body }) => {
    const app = createTestApp({ generate: answering(events) });
    const response = await app.inject({
      method: "POST",
      url: "/v1/chat/completions",
      headers: bearer,
      payload: question(body),
    });
    expect(validate({ ...chat, status: response.statusCode }, response.json())).toEqual([]);
    expect(response.statusCode).toBe(200);
  });

  test.each(Object.entries(cases))("a stream with %s", async (_, { events, body }) => {
    const app = createTestApp({ generate: answering(events) });
    const payload = question({ ...body, stream: true, stream_options: { include_usage: true } });
    const response = await app.inject({
      method: "POST",
      url: "/v1/chat/completions",
      headers: bearer,
      payload,
    });
    const chunks = parseSse(response.body)
      .slice(0, -1)
      .map((data) => JSON.parse(data));
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks)
      expect(validate({ ...chat, status: 200, type: "text/event-stream" }, chunk)).toEqual([]);
  });

  test("an error in the middle of a stream", async () => {
    const app = createTestApp({ generate: answering(answerOf("Hello").slice(0, 2), new Error("a bug")) });
    const payload = question({ stream: true });
    const response = await app.inject({
      method: "POST",
      url: "/v1/chat/completions",
      headers: bearer,
      payload,
    });
    const last = JSON.parse(parseSse(response.body).at(-1)!);
    expect(last.error.type).toBe("server_error");
    expect(validate({ ...chat, status: 200, type: "text/event-stream" }, last)).toEqual([]);
  });

  const callEvents = [
    startedEvent(),
    deltaEvent({ text: "I look." }),
    deltaEvent({ toolCalls: [{ index: 0, id: "call_a", name: "f", argumentsJson: '{"a":1}' }] }),
    finishedEvent(FinishReason.TOOL_CALLS),
  ];
  const thoughts = [
    startedEvent(),
    deltaEvent({ reasoning: "Hm." }),
    deltaEvent({ text: "Yes." }),
    finishedEvent(),
  ];
  const told = [
    startedEvent(),
    deltaEvent({ text: "Hi", logprobs: [{ token, top: [token] }] }),
    finishedEvent(FinishReason.LENGTH),
  ];
  const completions = { path: "/completions", body: { model: "m", prompt: "Once" } };
  const messages = { path: "/messages", body: question({ max_tokens: 20 }) };
  const responses = { path: "/responses", body: { model: "m", input: "hi" } };

  test.each([
    { ...completions, events: answerOf("Hello"), more: { n: 2, echo: true } },
    { ...completions, events: told, more: { logprobs: 1 } },
    { ...messages, events: answerOf("Hello"), more: {} },
    { ...messages, events: callEvents, more: { tools: [{ name: "f", input_schema: { type: "object" } }] } },
    { ...messages, events: thoughts, more: {} },
    { ...responses, events: answerOf("Hello"), more: { instructions: "Be brief.", metadata: { a: "b" } } },
    { ...responses, events: callEvents, more: { tools: [{ type: "function", name: "f", parameters: {} }] } },
    { ...responses, events: thoughts, more: {} },
    { ...responses, events: thoughts, more: { reasoning: { summary: "auto" } } },
    { ...responses, events: told, more: { top_logprobs: 1 } },
  ])("$path with $more, at once, as a stream, and breaking off", async ({ path, body, events, more }) => {
    const where = { method: "post", path, status: 200 };
    const send = async (generate: Generate, stream: boolean) =>
      createTestApp({ generate }).inject({
        method: "POST",
        url: `/v1${path}`,
        headers: bearer,
        payload: { ...body, ...more, stream },
      });
    const whole = await send(answering(events), false);
    expect([whole.statusCode, validate(where, whole.json())]).toEqual([200, []]);

    for (const generate of [answering(events), answering(events.slice(0, -1), new Error("a bug"))]) {
      const sent = dataOf((await send(generate, true)).body);
      expect(sent.length).toBeGreaterThan(1);
      for (const data of sent) expect(validate({ ...where, type: "text/event-stream" }, data)).toEqual([]);
    }
  });

  test.each([completions, messages, responses])("a fault on $path", async ({ path, body }) => {
    for (const [status, fault] of [
      [400, new MeshError("invalid_request", "No.", { param: "model" })],
      [404, new MeshError("model_not_found", "None.")],
      [429, new MeshError("caller_queue_full", "Later.")],
      [path === "/messages" ? 529 : 503, new MeshError("saturated", "Later.")],
    ] as const) {
      const app = createTestApp({ generate: answering([], fault) });
      const answer = await app.inject({ method: "POST", url: `/v1${path}`, headers: bearer, payload: body });
      expect(answer.statusCode).toBe(status);
      expect(validate({ method: "post", path, status }, answer.json())).toEqual([]);
    }
  });

  test.each(["float", "base64"])("embeddings as %s", async (encoding_format) => {
    const vector = create(GenerationEventSchema, {
      event: { case: "embedded", value: { index: 0, values: [0.6, 0.8] } },
    });
    const app = createTestApp({ generate: answering([startedEvent(), vector, finishedEvent()]) });
    const payload = { model: "m", input: "hi", encoding_format };
    const answer = await app.inject({ method: "POST", url: "/v1/embeddings", headers: bearer, payload });
    expect(answer.json().data).toHaveLength(1);
    expect(validate({ method: "post", path: "/embeddings", status: 200 }, answer.json())).toEqual([]);
  });

  test("a stored response: itself, its input, its end, and that it is gone", async () => {
    const app = createTestApp({ generate: answering(answerOf("Hello")) });
    const send = (method: "GET" | "POST" | "DELETE", url: string, payload?: object) =>
      app.inject({
        method,
        url: `/v1${url}`,
        headers: bearer,
        ...(payload === undefined ? {} : { payload }),
      });
    const first = (await send("POST", "/responses", responses.body)).json();
    const { id } = (
      await send("POST", "/responses", { ...responses.body, previous_response_id: first.id })
    ).json();
    for (const [method, path, status] of [
      ["GET", "/responses/{id}", 200],
      ["GET", "/responses/{id}/input_items", 200],
      ["POST", "/responses/{id}/cancel", 400],
      ["DELETE", "/responses/{id}", 200],
    ] as const) {
      const answer = await send(method, path.replace("{id}", id));
      const where = { method: method.toLowerCase(), path, status };
      expect([answer.statusCode, validate(where, answer.json())]).toEqual([status, []]);
    }
    const gone = await send("GET", `/responses/${id}`);
    expect(validate({ method: "get", path: "/responses/{id}", status: 404 }, gone.json())).toEqual([]);
  });

  test.each(["/healthz", "/readyz"])("%s", async (url) => {
    const ready = await createTestApp().inject({ url });
    expect(validate({ method: "get", path: url, status: 200 }, ready.json())).toEqual([]);
    const draining = await createTestApp({ isDraining: () => true }).inject({ url });
    expect(validate({ method: "get", path: url, status: draining.statusCode }, draining.json())).toEqual([]);
  });

  test("the check itself objects to what is missing, wrong or not described", () => {
    const where = { method: "get", path: "/models/{model}", status: 200 };
    const right = { id: "m", object: "model", created: 1, owned_by: "us" };
    expect(validate(where, right)).toEqual([]);
    expect(validate(where, { ...right, id: 1 })).toHaveLength(1);
    expect(validate(where, { ...right, more: 1 })).toHaveLength(1);
    expect(validate(where, { id: "m" })).toHaveLength(3);
    expect(validate({ ...where, status: 418 }, right)).toEqual([
      "get /models/{model} 418 application/json is not described",
    ]);
  });
});
