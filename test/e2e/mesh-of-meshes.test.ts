import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loopMessage } from "../../core/hops.ts";
import { hasProbed, type Mesh, shapes, startMesh } from "../support/mesh.ts";
import type { LogLine } from "../support/program.ts";

const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "Tells the weather.",
    parameters: {
      type: "object",
      properties: { city: { enum: ["Paris", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
};

/** What a client is told of its request to a model. */
const tryOut = (client: OpenAI, model: string): Promise<unknown> =>
  client.chat.completions
    .create({ ...greedy, model, max_tokens: 5, messages: [question] })
    .catch((error: unknown) => error);

const listed = async (client: OpenAI): Promise<string[]> =>
  (await client.models.list()).data.map(({ id }) => id);

const question = { role: "user" as const, content: "What is gRPC?" };
const greedy = { model: "starter", temperature: 0, max_tokens: 60 };

/** A client of a mesh, without retries: what fails is to be seen. */
const clientOf = (mesh: Mesh): OpenAI =>
  new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: mesh.apiKey, maxRetries: 0 });

describe.each(shapes)("a mesh %s that another mesh has joined as a node", (shape) => {
  let inner: Mesh;
  let outer: Mesh;
  let direct: OpenAI;
  let through: OpenAI;

  beforeAll(async () => {
    inner = await startMesh("in one process");
    outer = await startMesh(shape, {
      engine: ["--engine", "openai", "--url", inner.url, "--engine-key", inner.apiKey],
      model: "starter",
    });
    const nodes = shape === "in one process" ? ["up"] : ["dialled", "attached"];
    await Promise.all(nodes.map((name) => hasProbed(outer.programs.get(name))));
    direct = clientOf(inner);
    through = clientOf(outer);
  });
  afterAll(async () => {
    await outer?.stop();
    await inner?.stop();
  });

  test("serves its models, with their context", async () => {
    const [served] = (await through.models.list()).data;
    expect(served).toMatchObject({ id: "starter", context_length: 1024 });
  });

  test("answers as it does, word for word and token for token", async () => {
    const ask = (client: OpenAI) => client.chat.completions.create({ ...greedy, messages: [question] });
    const [expected, answer] = [await ask(direct), await ask(through)];
    expect(answer.choices[0]?.message.content).not.toBe("");
    expect(answer.choices).toEqual(expected.choices);
    expect(answer.usage?.completion_tokens).toBe(expected.usage?.completion_tokens);
    expect(answer.usage?.prompt_tokens).toBe(expected.usage?.prompt_tokens);
  });

  test("streams piece by piece, and tells the usage", async () => {
    const stream = await through.chat.completions.create({
      ...greedy,
      messages: [question],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const pieces = chunks.flatMap(({ choices }) => choices[0]?.delta.content || []);
    const whole = await direct.chat.completions.create({ ...greedy, messages: [question] });
    expect(pieces.join("")).toBe(whole.choices[0]?.message.content);
    expect(pieces.length).toBeGreaterThan(3);
    expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(["stop"]);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(whole.usage?.completion_tokens);
  });

  test("calls tools through both, streamed, and reads their results", async () => {
    const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }];
    const request = { ...greedy, messages, tools: [weather], tool_choice: "required" as const };
    const { choices } = await through.chat.completions.stream(request).finalChatCompletion();
    const call = choices[0]?.message.tool_calls?.[0];
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(call?.type === "function" && call.function.name).toBe("get_weather");
    const asked = JSON.parse(call?.type === "function" ? call.function.arguments : "{}");
    expect(["Paris", "Oslo"]).toContain(asked.city);
    expect(asked.days).toBeTypeOf("number");

    const turns = [
      ...messages,
      { role: "assistant" as const, content: null, tool_calls: [call!] },
      { role: "tool" as const, tool_call_id: call!.id, content: '{"weather":"sunny","degrees":21}' },
    ];
    const ask = (client: OpenAI) =>
      client.chat.completions.create({ ...greedy, messages: turns, tools: [weather] });
    expect((await ask(through)).choices).toEqual((await ask(direct)).choices);
  });

  test("keeps to a JSON schema through both", async () => {
    const answer = await through.chat.completions.create({
      ...greedy,
      temperature: 1.2,
      max_tokens: 200,
      messages: [{ role: "user", content: "Review the film." }],
      response_format: {
        type: "json_schema",
        json_schema: { name: "weather", strict: true, schema: weather.function.parameters },
      },
    });
    const review = JSON.parse(answer.choices[0]?.message.content ?? "");
    expect(Object.keys(review)).toEqual(["city", "days"]);
    expect(["Paris", "Oslo"]).toContain(review.city);
  });

  test("names the stop text that it met, and refuses a prompt that does not fit", async () => {
    const answer = await through.chat.completions.create({ ...greedy, messages: [question], stop: [" is"] });
    expect(answer.choices[0]?.message.content).not.toContain(" is");
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    const tooLong = { role: "user" as const, content: "mesh of machines ".repeat(1024) };
    await expect(through.chat.completions.create({ ...greedy, messages: [tooLong] })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "messages",
    });
  });

  test("turns text into the same vectors", async () => {
    const embed = (client: OpenAI) =>
      client.embeddings.create({ model: "starter", input: ["one", "two"], encoding_format: "float" });
    const [expected, answer] = [await embed(direct), await embed(through)];
    for (const [index, { embedding }] of answer.data.entries())
      for (const [place, value] of embedding.entries())
        expect(value).toBeCloseTo(expected.data[index]?.embedding[place] ?? Number.NaN, 4);
    expect(answer.usage.prompt_tokens).toBe(expected.usage.prompt_tokens);
  });

  test("is told when the client leaves, and stops computing", async () => {
    const messages = [{ role: "user" as const, content: "Tell me a long story." }];
    // Where this process is slow, an answer may have ended before its client left.
    for (let tries = 0, outcome: unknown; outcome !== "cancelled"; tries++) {
      expect(tries, "every answer had ended before its client left").toBeLessThan(5);
      const since = new Date().toISOString();
      const controller = new AbortController();
      const stream = await through.chat.completions.create(
        { ...greedy, max_tokens: 900, messages, stream: true },
        { signal: controller.signal },
      );
      for await (const { choices } of stream) if (choices[0]?.delta.content) break;
      controller.abort();
      const isEnd = (line: LogLine) =>
        line.time >= since && line.service === "inference" && line.outcome !== undefined;
      ({ outcome } = await inner.programs.get("up")!.logged(isEnd));
    }
  });

  test("takes its models along when it goes, and no request that was asked ends cleanly without an answer", async () => {
    await inner.stop();
    await expect(through.chat.completions.create({ ...greedy, messages: [question] })).rejects.toMatchObject({
      status: expect.toSatisfy((status: number) => status === 404 || status >= 500),
    });
  });
});

describe("a mesh that has joined itself", () => {
  let mesh: Mesh;
  let client: OpenAI;

  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: ["attached"] });
    client = clientOf(mesh);
    const leaver = await mesh.join("leaver", ["--engine", "synthetic", "--model", "mayfly"]);
    await vi.waitFor(async () => expect(await listed(client)).toContain("mayfly"), { timeout: 100_000 });
    // With one slot: a request that went round would wait for itself.
    const itself = ["--engine", "openai", "--url", mesh.url, "--engine-key", mesh.apiKey, "--slots", "1"];
    await mesh.join("ring", itself);
    await leaver.stop();
  });
  afterAll(() => mesh?.stop());

  test("still lists the model that only the ring serves, but refuses requests for it as going round", async () => {
    expect(await listed(client)).toContain("mayfly");
    for (const stream of [false, true]) {
      const response = await fetch(`${mesh.url}/v1/chat/completions`, {
        method: "POST",
        headers: mesh.headers,
        body: JSON.stringify({ model: "mayfly", messages: [question], stream }),
      });
      expect(response.status).toBe(508);
      expect(response.headers.get("x-should-retry")).toBe("false");
      expect(await response.json()).toEqual({
        error: { message: loopMessage, type: "invalid_request_error", param: null, code: "loop_detected" },
      });
    }
  });

  test("answers requests for models that a node of its own has, whichever way they take", async () => {
    for (let request = 0; request < 10; request++)
      expect(await tryOut(client, "starter")).toMatchObject({ choices: [{ finish_reason: "length" }] });
  });
});
