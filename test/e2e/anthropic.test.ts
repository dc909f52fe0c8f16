import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { shapes } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";
import {
  answerOf,
  createScript,
  startedEvent,
  testKey,
  textEvent,
} from "../support/translator/translator.ts";
import { serveTranslator } from "../translator/support.ts";

const question = [{ role: "user" as const, content: "What is the capital of France?" }];

const weatherTool: Anthropic.Tool = {
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

describe.each(shapes)("Anthropic's SDK at a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  let client: Anthropic;
  let base: { model: string; max_tokens: number; temperature: number; messages: typeof question };
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
    client = new Anthropic({ apiKey: mesh.apiKey, authToken: null, baseURL: mesh.url, maxRetries: 0 });
    base = { model: mesh.model, max_tokens: 60, temperature: 0, messages: question };
  });

  test("gets a message, its usage and its request's id", async () => {
    const message = await client.messages.create(base);
    expect(message).toMatchObject({
      type: "message",
      role: "assistant",
      model: mesh.model,
      stop_reason: "end_turn",
    });
    expect(message.content).toEqual([
      { type: "text", text: expect.stringContaining("Paris"), citations: null },
    ]);
    const { input_tokens, cache_read_input_tokens, output_tokens } = message.usage;
    expect(input_tokens + cache_read_input_tokens!).toBeGreaterThan(5);
    expect(output_tokens).toBeGreaterThan(0);
    expect(message._request_id).toMatch(/^req_/);
  });

  test("is let in by a bearer token too, at both mounts", async () => {
    const other = new Anthropic({
      apiKey: null,
      authToken: mesh.apiKey,
      baseURL: `${mesh.url}/api`,
      maxRetries: 0,
    });
    expect((await other.messages.create(base)).stop_reason).toBe("end_turn");
  });

  test("puts a stream together to the message that it gets at once", async () => {
    const whole = await client.messages.create(base);
    const stream = client.messages.stream(base);
    let text = "";
    stream.on("text", (delta) => {
      text += delta;
    });
    const final = await stream.finalMessage();
    expect(text).toBe(await stream.finalText());
    // How much of the prompt was reused depends on which node answered before.
    const comparable = ({ id: _, usage, ...rest }: Anthropic.Message) => ({
      ...rest,
      parsed_output: undefined,
      prompt: usage.input_tokens + usage.cache_read_input_tokens!,
      output: usage.output_tokens,
    });
    expect(comparable(final)).toEqual(comparable(whole));
  });

  test("is told what ended the answer", async () => {
    const cut = await client.messages.create({ ...base, max_tokens: 2 });
    expect([cut.stop_reason, cut.usage.output_tokens]).toEqual(["max_tokens", 2]);
    const stopped = await client.messages
      .stream({ ...base, stop_sequences: ["never said", "Paris"] })
      .finalMessage();
    expect([stopped.stop_reason, stopped.stop_sequence]).toEqual(["stop_sequence", "Paris"]);
    expect(JSON.stringify(stopped.content)).not.toContain("Paris");
  });

  test("calls a tool, streamed and not, and goes on with its result", async () => {
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "What is the weather in Oslo?" }];
    const asked = { ...base, messages, tools: [weatherTool], tool_choice: { type: "any" as const } };
    for (const message of [
      await client.messages.create(asked),
      await client.messages.stream(asked).finalMessage(),
    ]) {
      expect(message.stop_reason).toBe("tool_use");
      const call = message.content.find((block) => block.type === "tool_use")!;
      expect(call).toMatchObject({ id: expect.stringMatching(/^toolu_/), name: "get_weather" });
      expect(typeof (call.input as { city: string }).city).toBe("string");
      const answer = await client.messages.create({
        ...base,
        tools: [weatherTool],
        tool_choice: { type: "none" },
        messages: [
          ...messages,
          { role: "assistant", content: message.content },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: call.id, content: "Snow, 3 degrees below zero." }],
          },
        ],
      });
      expect(answer.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(/\S/) });
    }
  });

  test("runs its own loop of tools", async () => {
    const cities: unknown[] = [];
    const runner = client.beta.messages.toolRunner({
      ...base,
      messages: [{ role: "user", content: "What is the weather in Oslo?" }],
      max_iterations: 3,
      tools: [
        {
          ...weatherTool,
          type: "custom" as const,
          parse: (input: unknown) => input,
          run: async (input: unknown) => {
            cities.push(input);
            return "Snow, 3 degrees below zero.";
          },
        },
      ],
    });
    const final = await runner.runUntilDone();
    expect(cities).toEqual([{ city: "Oslo" }]);
    expect(final.stop_reason).toBe("end_turn");
  });

  test("gets output that matches its schema", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" }, people: { type: "integer" } },
      required: ["city", "people"],
      additionalProperties: false,
    };
    const { content } = await client.messages.create({
      ...base,
      output_config: { format: { type: "json_schema", schema } },
    });
    const block = content[0]!;
    if (block.type !== "text") throw new Error("It is no text.");
    expect(Object.keys(JSON.parse(block.text))).toEqual(["city", "people"]);
  });

  test("parses output by a schema of zod's", async () => {
    const format = zodOutputFormat(z.object({ capital: z.string(), isLarge: z.boolean() }));
    const { parsed_output } = await client.messages.parse({ ...base, output_config: { format } });
    expect(parsed_output).toEqual({ capital: expect.any(String), isLarge: expect.any(Boolean) });
  });

  test("leaves in the middle, and the mesh ends the generation", async () => {
    const stream = client.messages.stream({
      ...base,
      max_tokens: 1000,
      messages: [{ role: "user", content: "Count from 1 to 100." }],
    });
    const { id } = await new Promise<Anthropic.Message>((resolve) =>
      stream.once("streamEvent", (_, message) => resolve(message)),
    );
    stream.abort();
    await expect(stream.done()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
    const line = await mesh.logged(({ generation_id }) => generation_id === id);
    expect(line).toMatchObject({ outcome: "cancelled" });
  });

  test("gets each fault as its own class", async () => {
    const ask = (more: object) =>
      client.messages.create({ ...base, ...more } as Anthropic.MessageCreateParamsNonStreaming);
    const fault = await ask({ max_tokens: 0 }).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Anthropic.BadRequestError);
    expect(fault).toMatchObject({
      type: "invalid_request_error",
      requestID: expect.stringMatching(/^req_/),
      error: { error: { message: "max_tokens: Input should be greater than or equal to 1" } },
    });
    await expect(ask({ model: "none" })).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    await expect(ask({ messages: [{ role: "user", content: "word ".repeat(20_000) }] })).rejects.toThrow(
      /prompt is too long/,
    );
    await expect(
      client.messages.countTokens({ model: mesh.model, messages: question }),
    ).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    const stranger = client.withOptions({ apiKey: "sk-wrong-key-1234567890" });
    await expect(stranger.messages.create(base)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    const image = {
      type: "base64",
      media_type: "image/png",
      data: Buffer.from("\x89PNG\r\n\x1a\n", "latin1").toString("base64"),
    };
    await expect(
      ask({ messages: [{ role: "user", content: [{ type: "image", source: image }] }] }),
    ).rejects.toThrow(/read images/);
  });
});

describe("Anthropic's SDK at a translator whose mesh is in trouble", () => {
  const connect = (url: string, maxRetries = 0) =>
    new Anthropic({ apiKey: testKey, authToken: null, baseURL: url, maxRetries });
  const body = { model: "m", max_tokens: 20, messages: question };

  test("tries again when all are busy, as soon as it is told", async () => {
    const script = createScript();
    const { url } = await serveTranslator(script.generate);
    const answer = connect(url, 2).messages.create(body);
    (await script.next()).fail(new MeshError("saturated", "All are busy.", { retryAfterMs: 1 }));
    (await script.next()).push(...answerOf("Hello"));
    expect((await answer).content).toMatchObject([{ type: "text", text: "Hello" }]);
  });

  test("says that all are busy when it may not try again", async () => {
    const script = createScript();
    const { url } = await serveTranslator(script.generate);
    const answer = connect(url)
      .messages.create(body)
      .catch((error: unknown) => error);
    (await script.next()).fail(new MeshError("saturated", "All are busy."));
    const error = await answer;
    expect(error).toBeInstanceOf(Anthropic.OverloadedError);
    expect(error).toMatchObject({ status: 529, type: "overloaded_error" });
  });

  test("throws when a stream breaks in the middle", async () => {
    const script = createScript();
    const { url } = await serveTranslator(script.generate);
    const stream = connect(url).messages.stream(body);
    const failure = stream.finalMessage().catch((error: unknown) => error);
    const call = await script.next();
    call.push(startedEvent(), textEvent("Hel"));
    await stream.emitted("text");
    call.fail(new MeshError("node_lost", "It went away."));
    expect(await failure).toMatchObject({
      type: "api_error",
      error: { error: { message: "It went away." } },
    });
  });
});
