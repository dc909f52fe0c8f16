import { expect, test } from "vitest";
import type { Kind } from "../../../core/errors/kinds.ts";
import { MeshError, type MeshErrorOptions } from "../../../core/errors/mesh-error.ts";
import {
  answering,
  answerOf,
  createTestApp,
  startedEvent,
  testKey,
  testUser,
  textEvent,
} from "../../../test/support/translator/translator.ts";

const question = { model: "m", max_tokens: 20, messages: [{ role: "user", content: "hi" }] };

const ask = (
  parts: Parameters<typeof createTestApp>[0] = {},
  body: unknown = question,
  {
    headers = { "x-api-key": testKey },
    url = "/v1/messages",
  }: { headers?: Record<string, string>; url?: string } = {},
) =>
  createTestApp(parts).inject({
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...headers },
    payload: typeof body === "string" ? body : JSON.stringify(body),
  });

test.each(["/v1/messages", "/api/v1/messages"])("a message is answered at %s", async (url) => {
  const response = await ask({ generate: answering(answerOf("Hel", "lo")) }, question, { url });
  expect(response.statusCode).toBe(200);
  expect(response.headers["request-id"]).toBe(response.headers["x-request-id"]);
  expect(response.json()).toMatchObject({
    id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
    content: [{ type: "text", text: "Hello" }],
    stop_reason: "end_turn",
  });
});

test.each<{ headers: Record<string, string>; because: string }>([
  { headers: { "x-api-key": testKey }, because: "the key in x-api-key" },
  { headers: { authorization: `Bearer ${testKey}` }, because: "the key as a bearer" },
  {
    headers: { "x-api-key": testKey, authorization: "Bearer other" },
    because: "x-api-key counts before a bearer",
  },
])("lets in: $because", async ({ headers }) => {
  let userId = "";
  const generate = answering(answerOf("a"));
  const response = await ask(
    {
      generate: (generation, signal) => {
        userId = generation.caller!.userId;
        return generate(generation, signal);
      },
    },
    question,
    { headers },
  );
  expect([response.statusCode, userId]).toEqual([200, testUser]);
});

/** The one golden stream: every byte of it, but for the id. */
test("a stream is, byte for byte, what Anthropic's clients read", async () => {
  const response = await ask({ generate: answering(answerOf("Hel", "lo ☀")) }, { ...question, stream: true });
  expect(response.headers["content-type"]).toBe("text/event-stream");
  expect(response.body.replace(/msg_[0-9a-f]{32}/, "msg_ID")).toBe(
    [
      `event: message_start\ndata: {"type":"message_start","message":{"id":"msg_ID","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":null,"cache_creation":null,"inference_geo":null,"service_tier":"standard","speed":"standard"}}}`,
      `event: ping\ndata: {"type":"ping"}`,
      `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}`,
      `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}`,
      `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo ☀"}}`,
      `event: content_block_stop\ndata: {"type":"content_block_stop","index":0}`,
      `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"container":null},"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":12,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":null}}`,
      `event: message_stop\ndata: {"type":"message_stop"}`,
      "",
    ].join("\n\n"),
  );
});

test("a failure after the first text is the stream's last event", async () => {
  const failure = new MeshError("node_lost", "It went away.");
  const generate = answering([startedEvent(), textEvent("Hel")], failure);
  const { body, headers } = await ask({ generate }, { ...question, stream: true });
  const events = body.split("\n\n").filter((event) => event !== "");
  expect(events.at(-1)).toBe(
    `event: error\ndata: {"type":"error","error":{"type":"api_error","message":"It went away."},"request_id":"${headers["x-request-id"]}"}`,
  );
  expect(body).not.toContain("message_stop");
});

test.each<[Kind, MeshErrorOptions, number, string]>([
  ["invalid_request", {}, 400, "invalid_request_error"],
  ["unauthenticated", {}, 401, "authentication_error"],
  ["rate_limited", { retryAfterMs: 1500 }, 429, "rate_limit_error"],
  ["caller_queue_full", {}, 429, "rate_limit_error"],
  ["saturated", {}, 529, "overloaded_error"],
  ["queue_expired", {}, 529, "overloaded_error"],
  ["no_nodes", {}, 529, "overloaded_error"],
  ["engine_failed", {}, 502, "api_error"],
  ["node_lost", {}, 502, "api_error"],
  ["deadline", {}, 504, "timeout_error"],
])("%s, streaming or not, is in Anthropic's envelope", async (kind, options, status, type) => {
  for (const stream of [false, true]) {
    const generate = answering([startedEvent()], new MeshError(kind, "What it was.", options));
    const response = await ask({ generate }, { ...question, stream });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({
      type: "error",
      error: { type, message: "What it was." },
      request_id: response.headers["request-id"],
    });
    if (status === 429 || status === 529) expect(response.headers["retry-after"]).toMatch(/^\d+$/);
    if (status === 504) expect(response.headers["x-should-retry"]).toBe("false");
  }
});

test("a model that no node serves is not found, by its name", async () => {
  const generate = answering([], new MeshError("model_not_found", "No."));
  const response = await ask({ generate });
  expect([response.statusCode, response.json().error]).toEqual([
    404,
    { type: "not_found_error", message: "model: m" },
  ]);
});

test("a prompt that is too long says so in words that agents look for", async () => {
  const failure = new MeshError("invalid_request", "It has 9 tokens.", { code: "context_length_exceeded" });
  const response = await ask({ generate: answering([startedEvent()], failure) });
  expect(response.json().error.message).toBe("prompt is too long: It has 9 tokens.");
});

test("a bug is masked", async () => {
  const response = await ask({ generate: answering([startedEvent()], new TypeError("secret")) });
  expect(response.statusCode).toBe(500);
  expect(response.json().error).toMatchObject({ type: "api_error" });
  expect(response.body).not.toContain("secret");
});

test.each<{
  because: string;
  body?: unknown;
  headers?: Record<string, string>;
  url?: string;
  status: number;
  type: string;
  says: string;
}>([
  {
    because: "no key",
    headers: {},
    status: 401,
    type: "authentication_error",
    says: "x-api-key header is required",
  },
  {
    because: "a wrong key",
    headers: { "x-api-key": "sk-cx-wrong-wrong-wrong" },
    status: 401,
    type: "authentication_error",
    says: "sk-cx***rong",
  },
  { because: "no JSON", body: "{", status: 400, type: "invalid_request_error", says: "JSON" },
  {
    because: "a wrong parameter",
    body: { ...question, max_tokens: 0 },
    status: 400,
    type: "invalid_request_error",
    says: "max_tokens: ",
  },
  {
    because: "another type",
    headers: { "x-api-key": testKey, "content-type": "text/plain" },
    status: 415,
    type: "invalid_request_error",
    says: "text/plain",
  },
  {
    because: "a compressed body",
    headers: { "x-api-key": testKey, "content-encoding": "gzip" },
    status: 415,
    type: "invalid_request_error",
    says: "gzip",
  },
  {
    because: "a large body",
    body: { ...question, system: "x".repeat(2000) },
    status: 413,
    type: "request_too_large",
    says: "1024",
  },
  {
    because: "a count",
    url: "/v1/messages/count_tokens",
    status: 404,
    type: "not_found_error",
    says: "cannot be counted",
  },
])("$because is refused in Anthropic's envelope", async ({ body, headers, url, status, type, says }) => {
  const response = await ask({ bodyLimitBytes: 1024 }, body ?? question, {
    ...(headers === undefined ? {} : { headers }),
    ...(url === undefined ? {} : { url }),
  });
  expect(response.statusCode).toBe(status);
  expect(response.headers["request-id"]).toBe(response.json().request_id);
  expect(response.json()).toMatchObject({
    type: "error",
    error: { type, message: expect.stringContaining(says) },
  });
});

test("another method is refused, and says which is right", async () => {
  const response = await createTestApp().inject({ url: "/v1/messages", headers: { "x-api-key": testKey } });
  expect([response.statusCode, response.headers.allow]).toEqual([405, "POST"]);
  expect(response.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
});
