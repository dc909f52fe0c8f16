import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { shapes } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

type Completion = OpenAI7.Chat.ChatCompletion;
type Fault = { error: { message: string; type: string; param: string | null; code: string | null } };

const readJson = async <T>(response: Promise<Response> | Response): Promise<T> =>
  (await response).json() as Promise<T>;

const question = [{ role: "user" as const, content: "What is the capital of France?" }];

describe.each(shapes)("a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  const post = (body: unknown, init: { path?: string; headers?: Record<string, string> } = {}) =>
    fetch(`${mesh.url}${init.path ?? "/v1/chat/completions"}`, {
      method: "POST",
      headers: { ...mesh.headers, ...init.headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  test.each(["/v1", "/api/v1"])("answers plain fetch at %s", async (mount) => {
    const response = await post(
      { model: mesh.model, messages: question, temperature: 0 },
      { path: `${mount}/chat/completions` },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("x-request-id")).toMatch(/\S/);
    const body = await readJson<Completion>(response);
    expect(body.choices[0]?.message).toMatchObject({
      role: "assistant",
      content: expect.stringContaining("Paris"),
    });
    expect(body.choices[0]?.finish_reason).toBe("stop");
    const usage = body.usage as OpenAI7.CompletionUsage;
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    expect(body.system_fingerprint).toMatch(/^fp_/);
  });

  test("streams to plain fetch the same text that it gives at once", async () => {
    const request = { model: mesh.model, messages: question, temperature: 0.7, seed: 7 };
    const whole = await readJson<Completion>(post(request));
    const response = await post({ ...request, stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = (await response.text()).split("\n\n").filter((event) => event !== "");
    expect(events.every((event) => event.startsWith("data: "))).toBe(true);
    expect(events.at(-1)).toBe("data: [DONE]");
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice(6)));
    expect(chunks[0].choices[0].delta).toMatchObject({ role: "assistant", content: "" });
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0]?.message.content);
    // How much of the prompt was reused depends on which node answered before.
    const { prompt_tokens, completion_tokens, total_tokens } = whole.usage as OpenAI7.CompletionUsage;
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens, completion_tokens, total_tokens },
    });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  describe.each([
    { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
    { major: 7, OpenAI: OpenAI7 },
  ])("with the openai SDK, major $major", ({ OpenAI }) => {
    const connect = () =>
      new OpenAI({
        apiKey: mesh.apiKey,
        baseURL: `${mesh.url}/api/v1`,
        defaultHeaders: { "X-User-Id": mesh.userId },
        maxRetries: 0,
      });

    test("completes and streams", async () => {
      const client = connect();
      const whole = await client.chat.completions.create({
        model: mesh.model,
        messages: question,
        temperature: 0,
      });
      expect(whole.choices[0]?.message.content).toContain("Paris");
      const stream = await client.chat.completions.create({
        model: mesh.model,
        messages: question,
        temperature: 0,
        stream: true,
      });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      expect(text).toBe(whole.choices[0]?.message.content);
    });

    test("calls a tool that it must call", async () => {
      const answer = await connect().chat.completions.create({
        model: mesh.model,
        messages: [{ role: "user", content: "What is the weather in Oslo?" }],
        tools: [
          {
            type: "function",
            function: {
              name: "get_weather",
              parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
            },
          },
        ],
        tool_choice: "required",
      });
      const call = answer.choices[0]?.message.tool_calls?.[0];
      if (call?.type !== "function") throw new Error("No function was called.");
      expect(call.function.name).toBe("get_weather");
      expect(typeof JSON.parse(call.function.arguments).city).toBe("string");
      expect(answer.choices[0]?.finish_reason).toBe("tool_calls");
    });

    test("aborts a stream", async () => {
      const stream = await connect().chat.completions.create({
        model: mesh.model,
        messages: [{ role: "user", content: "Count from 1 to 100." }],
        stream: true,
      });
      let chunks = 0;
      for await (const _ of stream) if (++chunks === 3) stream.controller.abort();
      expect(chunks).toBeGreaterThanOrEqual(3);
    });

    test("lists and finds models", async () => {
      const client = connect();
      const names: string[] = [];
      for await (const { id } of client.models.list()) names.push(id);
      expect(names).toContain(mesh.model);
      expect((await client.models.retrieve(mesh.model)).id).toBe(mesh.model);
      await expect(client.models.retrieve("no/such:model")).rejects.toMatchObject({ status: 404 });
    });

    test("gets each fault as its own class", async () => {
      const client = connect();
      const ask = (body: object) =>
        client.chat.completions.create({ model: mesh.model, messages: question, ...body } as never);
      await expect(ask({ model: "none" })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
      await expect(ask({ temperature: "hot" })).rejects.toMatchObject({
        status: 400,
        code: "invalid_type",
        param: "temperature",
      });
      const stranger = client.withOptions({ apiKey: "sk-wrong-key-1234567890" });
      await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    });
  });

  test("answers n choices, streamed side by side", async () => {
    const response = await post({
      model: mesh.model,
      messages: question,
      n: 3,
      stream: true,
      max_tokens: 12,
    });
    const chunks = (await response.text())
      .split("\n\n")
      .filter((event) => event.startsWith("data: {"))
      .map((event) => JSON.parse(event.slice(6)));
    for (const index of [0, 1, 2]) {
      const own = chunks.flatMap(({ choices }) =>
        choices.filter((choice: { index: number }) => choice.index === index),
      );
      expect(own.filter(({ delta }) => delta.role === "assistant").length).toBe(1);
      expect(own.filter(({ finish_reason }) => finish_reason !== null).length).toBe(1);
    }
  });

  test.each([
    { fault: "malformed JSON", body: '{"model": ', status: 400, code: null },
    { fault: "a JSON array", body: "[]", status: 400, code: null },
    { fault: "no messages", body: '{"model":"starter"}', status: 400, code: "missing_required_parameter" },
    { fault: "a wrong type", body: '{"model":"starter","messages":"hi"}', status: 400, code: "invalid_type" },
    {
      fault: "an oversized body",
      body: JSON.stringify({ model: "starter", pad: "x".repeat(21 * 1024 * 1024) }),
      status: 413,
      code: "request_too_large",
    },
  ])("answers $status with the envelope to $fault", async ({ body, status, code }) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(response.headers.get("x-request-id")).toMatch(/\S/);
    const { error } = await readJson<Fault>(response);
    expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
    expect(error).toMatchObject({ type: "invalid_request_error", code });
    expect(error.message.length).toBeGreaterThan(10);
  });

  test("refuses the key of nobody, and somebody else's user id", async () => {
    const noKey = await fetch(`${mesh.url}/v1/models`);
    expect(noKey.status).toBe(401);
    const otherUser = await post(
      { model: mesh.model, messages: question },
      { headers: { "x-user-id": "other" } },
    );
    expect(otherUser.status).toBe(401);
    expect((await readJson<Fault>(otherUser)).error.code).toBe("invalid_api_key");
  });

  test("says that it is well", async () => {
    expect((await fetch(`${mesh.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${mesh.url}/readyz`)).status).toBe(200);
  });
});
