import fc from "fast-check";
import type { FastifyInstance } from "fastify";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { FinishReason, type Generation, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  answerOf,
  bearer,
  createTestApp,
  deltaEvent,
  finishedEvent,
  startedEvent,
  testKey,
  testUser,
  textEvent,
} from "../../../test/support/translator/translator.ts";
import type { AppOptions } from "../app.ts";
import { createAuthenticate } from "../auth/keys.ts";
import { defaultStoreLimits } from "../config.ts";

const post = (app: FastifyInstance, more: Record<string, unknown> = {}, headers = bearer) =>
  app.inject({
    method: "POST",
    url: "/v1/responses",
    headers,
    payload: { model: "m", input: "hi", ...more },
  });
const get = (app: FastifyInstance, path: string, headers = bearer) =>
  app.inject({ method: "GET", url: `/v1/responses${path}`, headers });
const typesOf = (body: string): string[] => [...body.matchAll(/^event: (.*)$/gm)].map(([, type]) => type!);

/** An app that answers all generations alike and notes them. */
function appThatNotes(
  events = answerOf("Hello"),
  parts: Partial<AppOptions> = {},
  before: (generation: Generation) => Promise<unknown> = async () => {},
) {
  const generations: Generation[] = [];
  const generate = answering(events);
  const app = createTestApp({
    ...parts,
    async *generate(generation, signal) {
      generations.push(generation);
      await before(generation);
      yield* generate(generation, signal);
    },
  });
  return { app, generations };
}

const roleNames = new Map<Role, string>([
  [Role.SYSTEM, "SYSTEM"],
  [Role.USER, "USER"],
  [Role.ASSISTANT, "ASSISTANT"],
  [Role.TOOL, "TOOL"],
]);
const textsOf = ({ messages }: Generation): string[] =>
  messages.map(({ role, parts }) => `${roleNames.get(role)} ${parts.map(({ part }) => part.value).join("")}`);

describe("a response", () => {
  test.each(["/v1", "/api/v1"])("is answered at %s and found at both", async (prefix) => {
    const app = createTestApp();
    const response = await app.inject({
      method: "POST",
      url: `${prefix}/responses`,
      headers: bearer,
      payload: { model: "m", input: "hi" },
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.headers["x-request-id"]).toMatch(/^req_/);
    for (const other of ["/v1", "/api/v1"]) {
      const found = await app.inject({ url: `${other}/responses/${response.json().id}`, headers: bearer });
      expect(found.json()).toEqual(response.json());
    }
  });

  test("carries who asks and under which names", async () => {
    const { app, generations } = appThatNotes();
    const response = await post(app, {}, { ...bearer, "x-request-id": "mine-1" } as typeof bearer);
    expect(generations[0]).toMatchObject({
      id: response.json().id,
      caller: { userId: testUser, requestId: "mine-1" },
    });
  });

  test("is not kept when the request says so", async () => {
    const app = createTestApp();
    const { id, store } = (await post(app, { store: false })).json();
    expect(store).toBe(false);
    expect((await get(app, `/${id}`)).statusCode).toBe(404);
  });
});

describe("a stream", () => {
  test("has the headers of a stream, names its events, and ends without [DONE]", async () => {
    const response = await post(createTestApp(), { stream: true });
    expect(response.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^req_/),
    });
    expect(typesOf(response.body).at(-1)).toBe("response.completed");
    expect(response.body).not.toContain("[DONE]");
    expect(response.body.endsWith("}\n\n")).toBe(true);
  });

  test("that fails before it shows anything is an error with its own status", async () => {
    const failure = new MeshError("saturated", "Full.", { retryAfterMs: 2000 });
    const response = await post(createTestApp({ generate: answering([startedEvent()], failure) }), {
      stream: true,
    });
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("2");
    expect(response.json().error.message).toBe("Full.");
  });

  test("that fails later ends with response.failed, and is kept as that", async () => {
    const failure = new MeshError("node_lost", "It went away.");
    const app = createTestApp({ generate: answering([startedEvent(), textEvent("Hel")], failure) });
    const { statusCode, body } = await post(app, { stream: true });
    expect(statusCode).toBe(200);
    expect(typesOf(body).at(-1)).toBe("response.failed");
    expect(typesOf(body)).not.toContain("response.completed");
    const { response } = JSON.parse(/data: (.*)\n\n$/.exec(body)![1]!);
    expect(response.error).toEqual({ code: "server_error", message: "It went away." });
    expect((await get(app, `/${response.id}`)).json()).toEqual(response);
  });

  test("that failed can be continued, without the words that broke off", async () => {
    const generations: Generation[] = [];
    const app = createTestApp({
      generate(generation, signal) {
        generations.push(generation);
        return answering([startedEvent(), textEvent("Hel")], new Error("broken"))(generation, signal);
      },
    });
    const { body } = await post(app, { stream: true });
    const { response } = JSON.parse(/data: (.*)\n\n$/.exec(body)![1]!);
    expect(response.output).toMatchObject([{ status: "incomplete" }]);
    await post(app, { previous_response_id: response.id, input: "Again, please." });
    expect(generations[1]!.messages.map(({ role }) => role)).toEqual([Role.USER, Role.USER]);
  });

  test("is kept by the time its last event comes", async () => {
    const app = createTestApp();
    const { response } = JSON.parse(/data: (.*)\n\n$/.exec((await post(app, { stream: true })).body)![1]!);
    expect((await get(app, `/${response.id}`)).json()).toEqual(response);
  });
});

describe("a conversation", () => {
  test("continues a stored response, without its instructions", async () => {
    const { app, generations } = appThatNotes();
    const first = (await post(app, { instructions: "Be brief.", input: "one" })).json();
    const second = (await post(app, { input: "two", previous_response_id: first.id })).json();
    await post(app, { instructions: "Be loud.", input: "three", previous_response_id: second.id });
    expect(textsOf(generations[2]!)).toEqual([
      "SYSTEM Be loud.",
      "USER one",
      "ASSISTANT Hello",
      "USER two",
      "ASSISTANT Hello",
      "USER three",
    ]);
  });

  test("may take up stored items by their ids", async () => {
    const { app, generations } = appThatNotes();
    const { output } = (await post(app)).json();
    await post(app, {
      input: [
        { role: "user", content: "hi" },
        { type: "item_reference", id: output[0].id },
        { role: "user", content: "more" },
      ],
    });
    expect(textsOf(generations[1]!)).toEqual(["USER hi", "ASSISTANT Hello", "USER more"]);
  });

  test("needs the results of the calls that were made", async () => {
    const { app, generations } = appThatNotes([
      startedEvent(),
      deltaEvent({ toolCalls: [{ index: 0, id: "call_1", name: "f", argumentsJson: "{}" }] }),
      finishedEvent(FinishReason.TOOL_CALLS),
    ]);
    const { id } = (await post(app)).json();
    const without = await post(app, { previous_response_id: id });
    expect(without.statusCode).toBe(400);
    expect(without.json().error.message).toBe("No tool output found for function call call_1.");
    await post(app, {
      previous_response_id: id,
      input: [{ type: "function_call_output", call_id: "call_1", output: "done" }],
    });
    expect(textsOf(generations[1]!)).toEqual(["USER hi", "ASSISTANT ", "TOOL done"]);
  });

  test("drops its older half, again and again, until it fits, where that is allowed", async () => {
    const tooLong = () => new MeshError("invalid_request", "Too long.", { code: "context_length_exceeded" });
    const seen: string[][] = [];
    const app = createTestApp({
      async *generate(generation) {
        seen.push(textsOf(generation));
        if (generation.messages.length > 2) throw tooLong();
        yield* answerOf("ok");
      },
    });
    const input = ["a", "b", "c", "d"].map((content) => ({ role: "user", content }));
    const spoken = input.flatMap((said) => [said, { role: "assistant", content: `re ${said.content}` }]);
    const body = { instructions: "Be brief.", input: [...spoken, { role: "user", content: "e" }] };
    expect((await post(app, { ...body, truncation: "auto" })).statusCode).toBe(200);
    expect(seen.map((texts) => texts.length)).toEqual([10, 4, 2]);
    expect(seen.at(-1)).toEqual(["SYSTEM Be brief.", "USER e"]);
    const strict = await post(app, body);
    expect(strict.json().error).toMatchObject({ code: "context_length_exceeded" });
  });
});

describe("a stored response", () => {
  const otherKey = "sk-cx-abcdefghijklmnopqrst";
  const other = { authorization: `Bearer ${otherKey}` };
  const twoUsers = () =>
    createTestApp({
      authenticate: createAuthenticate([
        { key: testKey, userId: testUser },
        { key: otherKey, userId: "user-2" },
      ]),
    });

  test("is its owner's alone", async () => {
    const app = twoUsers();
    const { id, output } = (await post(app)).json();
    for (const path of [`/${id}`, `/${id}/input_items`])
      expect((await get(app, path, other)).statusCode).toBe(404);
    const deletion = await app.inject({ method: "DELETE", url: `/v1/responses/${id}`, headers: other });
    expect(deletion.statusCode).toBe(404);
    expect(deletion.json().error).toEqual({
      message: `Response with id '${id}' not found.`,
      type: "invalid_request_error",
      param: null,
      code: null,
    });
    const continued = await post(app, { previous_response_id: id }, other);
    expect(continued.statusCode).toBe(400);
    expect(continued.json().error).toEqual({
      message: `Previous response with id '${id}' not found.`,
      type: "invalid_request_error",
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
    const referred = await post(app, { input: [{ type: "item_reference", id: output[0].id }] }, other);
    expect(referred.statusCode).toBe(404);
    expect(referred.json().error).toMatchObject({ param: "input", code: null });
    expect((await get(app, `/${id}`)).statusCode).toBe(200);
  });

  test("is gone when it is deleted", async () => {
    const app = createTestApp();
    const { id } = (await post(app)).json();
    const remove = () => app.inject({ method: "DELETE", url: `/v1/responses/${id}`, headers: bearer });
    expect((await remove()).json()).toEqual({ id, object: "response", deleted: true });
    expect((await remove()).statusCode).toBe(404);
  });

  test.each([
    [
      "deleted",
      {},
      (app: FastifyInstance, id: string) =>
        app.inject({ method: "DELETE", url: `/v1/responses/${id}`, headers: bearer }),
    ],
    ["evicted for want of room", { storeLimits: { ...defaultStoreLimits, responses: 1 } }, async () => {}],
  ])(
    "that was %s cannot be continued, and what continues it already goes on whole",
    async (_, parts, lose) => {
      const { app, generations } = appThatNotes(answerOf("Hello"), parts);
      const first = (await post(app, { input: "one" })).json();
      const second = (await post(app, { input: "two", previous_response_id: first.id })).json();
      await lose(app, first.id);
      const late = await post(app, { input: "three", previous_response_id: first.id });
      expect(late.statusCode).toBe(400);
      expect(late.json().error.code).toBe("previous_response_not_found");
      await post(app, { input: "three", previous_response_id: second.id });
      expect(textsOf(generations.at(-1)!)).toEqual([
        "USER one",
        "ASSISTANT Hello",
        "USER two",
        "ASSISTANT Hello",
        "USER three",
      ]);
    },
  );

  test("that is lost while its continuation is generated stays a part of that", async () => {
    const { app, generations } = appThatNotes(answerOf("Hello"), {}, async ({ messages }) => {
      if (messages.length === 3)
        await app.inject({ method: "DELETE", url: `/v1/responses/${first.id}`, headers: bearer });
    });
    const first = (await post(app, { input: "one" })).json();
    const second = (await post(app, { input: "two", previous_response_id: first.id })).json();
    expect((await get(app, `/${first.id}`)).statusCode).toBe(404);
    await post(app, { input: "three", previous_response_id: second.id });
    expect(textsOf(generations.at(-1)!)).toHaveLength(5);
  });

  test("lists what it was made of, the latest first, page by page", async () => {
    const app = createTestApp();
    const first = (await post(app, { input: "one" })).json();
    const { id } = (await post(app, { input: "two", previous_response_id: first.id })).json();
    const list = async (query: string) => (await get(app, `/${id}/input_items${query}`)).json();
    const says = ({ data }: { data: { content: { text: string }[] }[] }) =>
      data.map(({ content }) => content[0]!.text);

    const all = await list("");
    expect(all).toMatchObject({ object: "list", has_more: false });
    expect(says(all)).toEqual(["two", "Hello", "one"]);
    expect([all.first_id, all.last_id]).toEqual([all.data[0].id, all.data[2].id]);

    const page = await list("?order=asc&limit=2");
    expect(page.has_more).toBe(true);
    expect(says(page)).toEqual(["one", "Hello"]);
    expect(says(await list(`?order=asc&limit=2&after=${page.last_id}`))).toEqual(["two"]);
  });

  test.each([
    { query: "?limit=0", param: "limit", code: "integer_below_min_value" },
    { query: "?limit=many", param: "limit", code: "invalid_type" },
    { query: "?order=up", param: "order", code: "invalid_value" },
    { query: "?after=msg_unknown", param: "after", code: null },
  ])("is not listed by $query", async ({ query, param, code }) => {
    const app = createTestApp();
    const { id } = (await post(app)).json();
    const response = await get(app, `/${id}/input_items${query}`);
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({ param, code });
  });

  test("cannot be cancelled: it has ended", async () => {
    const app = createTestApp();
    const cancel = (id: string) =>
      app.inject({ method: "POST", url: `/v1/responses/${id}/cancel`, headers: bearer });
    const { id } = (await post(app)).json();
    const response = await cancel(id);
    expect(response.statusCode).toBe(400);
    expect(response.json().error.message).toBe("Cannot cancel a synchronous response.");
    expect((await cancel("resp_unknown")).statusCode).toBe(404);
  });

  test("is not played again as a stream", async () => {
    const app = createTestApp();
    const { id } = (await post(app)).json();
    const response = await get(app, `/${id}?stream=true`);
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({ param: "stream", code: "unsupported_parameter" });
  });
});

test.each([
  { method: "GET", path: "", allow: "POST" },
  { method: "PUT", path: "/resp_1", allow: "GET, DELETE" },
  { method: "POST", path: "/resp_1/input_items", allow: "GET" },
] as const)("$method of /responses$path is not allowed", async ({ method, path, allow }) => {
  const response = await createTestApp().inject({ method, url: `/v1/responses${path}`, headers: bearer });
  expect(response.statusCode).toBe(405);
  expect(response.headers.allow).toBe(allow);
});

test.each(["/v1/responses", "/v1/responses/resp_1"])("%s needs a key", async (url) => {
  expect((await createTestApp().inject({ url })).statusCode).toBe(401);
});

test.each([
  {
    failure: new MeshError("model_not_found", "inner"),
    status: 404,
    error: { code: "model_not_found", param: null },
  },
  {
    failure: new MeshError("invalid_request", "Too long.", {
      param: "messages",
      code: "context_length_exceeded",
    }),
    status: 400,
    error: { code: "context_length_exceeded", param: "input" },
  },
  {
    failure: new MeshError("invalid_request", "Bad schema.", { param: "response_format" }),
    status: 400,
    error: { code: null, param: "text.format" },
  },
  { failure: new Error("bug"), status: 500, error: { type: "server_error" } },
])("a mesh's $failure.message is answered with $status under this surface's names", async (row) => {
  const response = await post(createTestApp({ generate: answering([], row.failure) }));
  expect(response.statusCode).toBe(row.status);
  expect(response.json().error).toMatchObject(row.error);
});

test("an answer that breaks off without an end is a failure, not a short answer", async () => {
  const app = createTestApp({ generate: answering([startedEvent(), textEvent("Hel")]) });
  expect((await post(app)).statusCode).toBe(502);
  expect(typesOf((await post(app, { stream: true })).body).at(-1)).toBe("response.failed");
});

test("whatever JSON comes, the answer is a response or the client's fault in the envelope", async () => {
  const app = createTestApp();
  const known = fc.record(
    {
      model: fc.constant("m"),
      input: fc.oneof(fc.string(), fc.jsonValue()),
      tools: fc.jsonValue(),
      text: fc.jsonValue(),
      reasoning: fc.jsonValue(),
      include: fc.jsonValue(),
      metadata: fc.jsonValue(),
      previous_response_id: fc.jsonValue(),
      stream: fc.oneof(fc.boolean(), fc.jsonValue()),
    },
    { requiredKeys: ["model", "input"] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(known, fc.jsonValue()), async (body) => {
      const response = await app.inject({
        method: "POST",
        url: "/v1/responses",
        headers: { ...bearer, "content-type": "application/json" },
        payload: JSON.stringify(body),
      });
      if (response.statusCode === 200) return;
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      expect(response.statusCode).toBeLessThan(500);
      expect(Object.keys(response.json().error).sort()).toEqual(["code", "message", "param", "type"]);
    }),
    { numRuns: 500 },
  );
});
