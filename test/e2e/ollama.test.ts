import { Ajv } from "ajv";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLlamaCppEngine } from "../../services/inference/engines/llama-cpp/index.ts";
import { starterPath } from "../support/inference/llama-cpp/engines.ts";
import { type OllamaServer, startOllamaServer } from "../support/inference/ollama/ollama-server.ts";
import { hasProbed, type Mesh, type Shape, shapes, startMesh } from "../support/mesh.ts";

const parameters = {
  type: "object",
  properties: { city: { enum: ["Paris", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["city", "days"],
  additionalProperties: false,
};
const weather = {
  type: "function" as const,
  function: { name: "get_weather", description: "Tells the weather.", parameters, strict: true },
};
const time = { type: "function" as const, function: { name: "get_time", parameters: { type: "object" } } };
const asks = (content: string) => [{ role: "user" as const, content }];

describe.each<Shape>([...shapes])("a mesh %s over an Ollama", (shape) => {
  let server: OllamaServer;
  let mesh: Mesh;
  let client: OpenAI;
  let model: string;

  beforeAll(async () => {
    const engine = createLlamaCppEngine({ modelPath: starterPath, slots: 4 });
    server = await startOllamaServer({ engine, parallel: 4 });
    mesh = await startMesh(shape, {
      engine: ["--engine", "ollama", "--url", server.url, "--slots", "4"],
      nodes: ["attached"],
    });
    await hasProbed(mesh.programs.get(shape === "in one process" ? "up" : "attached"));
    client = new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: mesh.apiKey, maxRetries: 0 });
    model = (await client.models.list()).data[0]!.id;
  });
  afterAll(async () => {
    await mesh?.stop();
    await server?.close();
  });

  const create = (request: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) =>
    client.chat.completions.create({
      model,
      messages: asks("What is gRPC?"),
      temperature: 0,
      max_tokens: 60,
      ...request,
    });

  test("streams what it answers as a whole", async () => {
    const whole = await create({});
    expect(whole.choices[0]!.message.content).toMatch(/gRPC/);
    expect(whole.choices[0]!.finish_reason).toBe("stop");
    const stream = client.chat.completions.stream({
      model,
      messages: asks("What is gRPC?"),
      temperature: 0,
      max_tokens: 60,
      stream_options: { include_usage: true },
    });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
    expect(streamed.usage?.prompt_tokens).toBe(whole.usage?.prompt_tokens);
  });

  test.each([
    { choice: { type: "function" as const, function: { name: "get_weather" } }, because: "named" },
    { choice: "required" as const, because: "one of several" },
  ])("makes a call that must be made: $because", async ({ choice }) => {
    const { choices } = await create({
      messages: asks("What is the weather in Paris?"),
      tools: [weather, time],
      tool_choice: choice,
      max_tokens: 200,
    });
    const [call] = choices[0]!.message.tool_calls ?? [];
    if (call?.type !== "function") throw new Error("No call was made.");
    const named = [weather, time].find(({ function: { name } }) => name === call.function.name)!;
    const validate = new Ajv().compile(named.function.parameters);
    expect(validate(JSON.parse(call.function.arguments)), call.function.arguments).toBe(true);
    expect(call.id).not.toBe("");
  });

  test("goes on after the result of a call", async () => {
    const { choices } = await create({
      tools: [weather],
      messages: [
        ...asks("What is the weather in Oslo?"),
        {
          role: "assistant",
          tool_calls: [
            {
              id: "call_1",
              type: "function",
              function: { name: "get_weather", arguments: '{"city":"Oslo","days":1}' },
            },
          ],
        },
        { role: "tool", tool_call_id: "call_1", content: '{"weather":"snow"}' },
      ],
    });
    expect(choices[0]!.message.content).not.toBe("");
  });

  test("keeps to a schema", async () => {
    const { choices } = await create({
      messages: asks("Plan a trip."),
      response_format: {
        type: "json_schema",
        json_schema: { name: "trip", schema: parameters, strict: true },
      },
      max_tokens: 200,
    });
    const validate = new Ajv().compile(parameters);
    expect(validate(JSON.parse(choices[0]!.message.content!)), choices[0]!.message.content!).toBe(true);
  });

  test("takes an effort from a model that cannot think as the hint that it is", async () => {
    const { choices } = await create({ reasoning_effort: "low" });
    expect(choices[0]!.message.content).toMatch(/gRPC/);
  });

  test("stops at a stop text", async () => {
    const { choices } = await create({ stop: ["another"] });
    expect(choices[0]!.message.content).toMatch(/on $/);
    expect(choices[0]!.finish_reason).toBe("stop");
  });

  test("refuses a conversation that does not fit instead of cutting it", async () => {
    await expect(create({ messages: asks("mesh of machines ".repeat(2000)) })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "messages",
    });
  });

  test("waits while Ollama loads a model, longer than a silent node is waited for", async () => {
    const loaded = Promise.withResolvers<void>();
    server.loading = loaded.promise;
    const before = server.seen.length;
    const answer = create({});
    // The node asks every third of a second whether Ollama is there; a router gives up after 1.5 s without a sign.
    const questions = () => server.seen.slice(before).filter(({ path }) => path === "/api/version").length;
    await expect.poll(questions).toBeGreaterThan(8);
    loaded.resolve();
    expect((await answer).choices[0]!.message.content).toMatch(/gRPC/);
    expect(server.seen.slice(before).filter(({ path }) => path === "/api/chat")).toHaveLength(1);
  });

  test("ends Ollama's work when a client leaves", async () => {
    const before = server.seen.length;
    const stream = await client.chat.completions.create({
      model,
      messages: asks("Tell me a short story."),
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    const chat = server.seen.slice(before).find(({ path }) => path === "/api/chat");
    await expect.poll(() => chat?.left).toBe(true);
  });

  test("goes on with an answer that Ollama breaks off, in the middle of its text", async () => {
    const before = server.seen.length;
    let broken = false;
    server.breaks = (lines) => {
      if (broken || lines < 6) return false;
      broken = true;
      return true;
    };
    const whole = (await create({})).choices[0]!.message.content!;
    expect(broken).toBe(true);
    const chats = server.seen.slice(before).filter(({ path }) => path === "/api/chat");
    const turns = chats.map(
      ({ body }) => (body as { messages: { role: string; content: string }[] }).messages,
    );
    expect(turns.map((messages) => messages.map(({ role }) => role))).toEqual([
      ["user"],
      ["user", "assistant"],
    ]);
    const { content: begun } = turns[1]!.at(-1)!;
    expect(whole.startsWith(begun)).toBe(true);
    expect(whole.length).toBeGreaterThan(begun.length);
    // Behind the seam nothing begins anew.
    expect(whole.slice(begun.length)).not.toContain(begun);
  });

  test("goes on from a raw prompt and embeds", async () => {
    const { choices } = await client.completions.create({ model, prompt: "gRPC is", max_tokens: 8 });
    expect(choices[0]!.text).not.toBe("");
    const { data } = await client.embeddings.create({ model, input: ["rain", "snow"] });
    expect(data.map(({ embedding }) => Math.hypot(...embedding).toFixed(3))).toEqual(["1.000", "1.000"]);
  });
});
