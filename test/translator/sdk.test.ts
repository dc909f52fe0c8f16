import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { FinishReason } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  answerOf,
  createScript,
  deltaEvent,
  finishedEvent,
  startedEvent,
  testKey,
  testUser,
  textEvent,
} from "../support/translator/translator.ts";
import { type ServedTranslator, serveTranslator } from "./support.ts";

const messages = [{ role: "user" as const, content: "hi" }];
const callEvent = (argumentsJson: string, id = "", name = "") =>
  deltaEvent({ toolCalls: [{ index: 0, id, name, argumentsJson }] });

describe.each([
  { major: 7, OpenAI: OpenAI7 },
  { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
])("openai $major for Node", ({ OpenAI }) => {
  const clientOf = ({ url }: ServedTranslator, more = {}) =>
    new OpenAI({
      baseURL: `${url}/api/v1`,
      apiKey: testKey,
      maxRetries: 0,
      defaultHeaders: { "X-User-Id": testUser },
      ...more,
    });

  test("completes", async () => {
    const client = clientOf(await serveTranslator(answering(answerOf("Hel", "lo"))));
    const completion = await client.chat.completions.create({ model: "m", messages });
    expect(completion.choices[0]?.message.content).toBe("Hello");
    expect(completion.usage?.total_tokens).toBe(21);
    expect(completion._request_id).toMatch(/^req_/);
  });

  test("streams, with its helper and without", async () => {
    const client = clientOf(await serveTranslator(answering(answerOf("Hel", "lo"))));
    const request = { model: "m", messages, n: 2, stream_options: { include_usage: true } };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
      chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 33 } });
    const helper = client.chat.completions.stream(request);
    const { choices } = await helper.finalChatCompletion();
    expect(choices.map(({ message }) => message.content)).toEqual(["Hello", "Hello"]);
  });

  test("gathers the calls of a stream", async () => {
    const generate = answering([
      startedEvent(),
      callEvent("", "call_1", "add"),
      callEvent('{"a":2,'),
      callEvent('"b":3}'),
      finishedEvent(FinishReason.TOOL_CALLS),
    ]);
    const client = clientOf(await serveTranslator(generate));
    const helper = client.chat.completions.stream({
      model: "m",
      messages,
      tools: [{ type: "function", function: { name: "add", parameters: { type: "object" } } }],
    });
    const [choice] = (await helper.finalChatCompletion()).choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls).toMatchObject([
      { id: "call_1", type: "function", function: { name: "add", arguments: '{"a":2,"b":3}' } },
    ]);
  });

  test("throws its own errors, with all that we say", async () => {
    const fails = (failure: MeshError) => serveTranslator(answering([startedEvent()], failure));
    const ask = async (failure: MeshError, more = {}) =>
      clientOf(await fails(failure)).chat.completions.create({ model: "m", messages, ...more });
    await expect(ask(new MeshError("saturated", "Full."))).rejects.toMatchObject({
      status: 503,
      code: "overloaded",
      type: "server_error",
      requestID: expect.stringMatching(/^req_/),
    });
    await expect(ask(new MeshError("model_not_found", "No."))).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(ask(new MeshError("rate_limited", "No."))).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    await expect(ask(new MeshError("no_nodes", "No."), { temperature: 9 })).rejects.toMatchObject({
      status: 400,
      code: "decimal_above_max_value",
      param: "temperature",
    });
    const translator = await fails(new MeshError("no_nodes", "No."));
    await expect(clientOf(translator, { apiKey: "sk-wrong" }).models.list()).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
  });

  test("throws when a stream fails in the middle", async () => {
    const generate = answering([startedEvent(), textEvent("a")], new MeshError("node_lost", "It went away."));
    const client = clientOf(await serveTranslator(generate));
    const stream = await client.chat.completions.create({ model: "m", messages, stream: true });
    const seen: string[] = [];
    const read = (async () => {
      for await (const { choices } of stream) seen.push(choices[0]?.delta.content ?? "");
    })();
    await expect(read).rejects.toMatchObject({ message: expect.stringContaining("It went away.") });
    expect(seen).toEqual(["", "a"]);
  });

  test("tries again after 503, not after a bug", async () => {
    for (const { kind, attempts } of [
      { kind: "saturated", attempts: 2 },
      { kind: "internal", attempts: 1 },
    ] as const) {
      let asked = 0;
      const translator = await serveTranslator(async function* () {
        asked++;
        yield* [];
        throw new MeshError(kind, "No.", { retryAfterMs: 1 });
      });
      const client = clientOf(translator, { maxRetries: 1 });
      await expect(client.chat.completions.create({ model: "m", messages })).rejects.toThrow();
      expect([kind, asked]).toEqual([kind, attempts]);
    }
  });

  test("cancels the generation when its reader leaves", async () => {
    const script = createScript();
    const client = clientOf(await serveTranslator(script.generate));
    const asked = client.chat.completions.create({ model: "m", messages, stream: true });
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    for await (const _ of await asked) break;
    expect(await call.aborted).toMatchObject({ kind: "cancelled" });
  });

  test("lists models, and one whose name holds a slash is asked for encoded", async () => {
    const client = clientOf(await serveTranslator(answering([])));
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["m"]);
    expect((await client.models.retrieve("m")).id).toBe("m");
    await expect(client.models.retrieve("org/name")).rejects.toThrow("`org/name`");
  });
});
