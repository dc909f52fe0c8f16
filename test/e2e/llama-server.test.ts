import { Ajv } from "ajv";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLlamaServer, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";
import { type Mesh, realEngine, startMesh } from "../support/mesh.ts";
import type { Program } from "../support/program.ts";

const found = findLlamaServer();

const parameters = {
  type: "object",
  properties: { city: { enum: ["Paris", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["city", "days"],
  additionalProperties: false,
};
const validate = new Ajv().compile(parameters);

describe.skipIf("missing" in found)("a real llama-server and the embedded engine, with the same file", () => {
  let server: LlamaServer;
  let mesh: Mesh;
  let client: OpenAI;
  const nodes = new Map<string, Program>();

  const startServer = async () => {
    server = await startLlamaServer("path" in found ? found.path : "");
  };
  const joinServer = async (name: string) => {
    nodes.set(name, await mesh.join(name, ["--engine", "openai", "--url", server.url]));
  };

  beforeAll(async () => {
    await startServer();
    mesh = await startMesh("in many processes", { nodes: [], model: "starter" });
    nodes.set("embedded", await mesh.join("embedded", [...realEngine, "--slots", "4"]));
    await joinServer("llama-server");
    client = new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: mesh.apiKey, maxRetries: 0 });
  }, 120_000);
  afterAll(async () => {
    await mesh?.stop();
    await server?.stop();
  });

  const ask = (request: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) =>
    client.chat.completions.create({
      model: "starter",
      max_tokens: 60,
      messages: [{ role: "user", content: "What is gRPC?" }],
      ...request,
    });

  /** How many answers each node has finished. */
  const finished = () =>
    Object.fromEntries(
      Array.from(nodes, ([name, program]) => [
        name,
        program.entries().filter(({ msg }) => msg === "generation finished").length,
      ]),
    );

  /** Asks until each of these nodes has given `least` more answers; returns all answers. */
  async function askUntilBoth<T>(
    least: number,
    names: readonly string[],
    askOne: () => Promise<T>,
  ): Promise<T[]> {
    const before = finished();
    const answers: T[] = [];
    // More at once than one node has slots.
    for (let round = 0; round < 40; round++) {
      answers.push(...(await Promise.all(Array.from({ length: 12 }, askOne))));
      const now = finished();
      if (names.every((name) => now[name]! - before[name]! >= least)) return answers;
    }
    throw new Error(`Only some nodes answered: ${JSON.stringify([before, finished()])}`);
  }

  const both = ["embedded", "llama-server"];

  test("are one model, and requests spread over both", async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["starter"]);
    const answers = await askUntilBoth(8, both, () => ask({ temperature: 0 }));
    // The same file: whoever answers, it is the same text.
    expect(new Set(answers.map(({ choices }) => choices[0]?.message.content)).size).toBe(1);
    expect(new Set(answers.map(({ usage }) => usage?.prompt_tokens)).size).toBe(1);
  });

  const weather = {
    temperature: 0,
    max_tokens: 200,
    messages: [{ role: "user" as const, content: "What is the weather in Paris?" }],
    tools: [
      {
        type: "function" as const,
        function: { name: "get_weather", description: "Tells the weather.", parameters },
      },
    ],
    parallel_tool_calls: false,
  };

  const expectCall = ({ choices }: OpenAI.ChatCompletion) => {
    const [call] = choices[0]?.message.tool_calls ?? [];
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(call?.type === "function" && call.function.name).toBe("get_weather");
    const asked = JSON.parse(call?.type === "function" ? call.function.arguments : "");
    expect(validate(asked), JSON.stringify(asked)).toBe(true);
  };

  test("both call tools, with arguments that match", async () => {
    for (const answer of await askUntilBoth(4, both, () => ask(weather))) expectCall(answer);
  });

  test("a call that must be made is made, by whoever was seen to make it", async () => {
    // In front of a call llama-server lets a model write what it likes; a small one may never come to its call.
    const request = { ...weather, temperature: 1, tool_choice: "required" as const };
    for (const answer of await Promise.all(Array.from({ length: 12 }, () => ask(request))))
      expectCall(answer);
  });

  test("both keep to a JSON schema", async () => {
    const answers = await askUntilBoth(4, both, () =>
      ask({
        messages: [{ role: "user", content: "Plan a trip." }],
        response_format: {
          type: "json_schema",
          json_schema: { name: "trip", strict: true, schema: parameters },
        },
        max_tokens: 200,
      }),
    );
    for (const { choices } of answers) {
      const trip = JSON.parse(choices[0]?.message.content ?? "");
      expect(validate(trip), JSON.stringify(trip)).toBe(true);
    }
  });

  test("a client that leaves frees the slot of llama-server in the middle of its answer", async () => {
    const lastTask = Math.max(...(await server.slots()).map(({ task }) => task));
    const ownSlots = async () => (await server.slots()).filter(({ task }) => task > lastTask);
    const tokenized = await fetch(`${server.url}/tokenize`, {
      method: "POST",
      body: JSON.stringify({ content: "<|im_end|>", parse_special: true }),
    });
    const [endOfAnswer] = ((await tokenized.json()) as { tokens: number[] }).tokens;
    // Several at once, so that some are llama-server's.
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const controller = new AbortController();
        const stream = await client.chat.completions.create(
          {
            model: "starter",
            max_tokens: 900,
            messages: [{ role: "user", content: "Tell me a story." }],
            logit_bias: { [String(endOfAnswer)]: -100 },
            stream: true,
          },
          { signal: controller.signal },
        );
        for await (const { choices } of stream) if (choices[0]?.delta.content) break;
        controller.abort();
      }),
    );
    await expect
      .poll(async () => (await ownSlots()).some(({ isBusy }) => isBusy), { timeout: 5000 })
      .toBe(false);
    const slots = await ownSlots();
    expect(slots.length).toBeGreaterThan(0);
    expect(slots.every(({ isIncomplete }) => isIncomplete)).toBe(true);
  });

  test("a llama-server that freezes fails no request that it has not begun to answer, and takes part again", async () => {
    server.child.kill("SIGSTOP");
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask({ max_tokens: 8 })));
    server.child.kill("SIGCONT");
    expect(answers).toHaveLength(12);
    await askUntilBoth(2, both, () => ask({ max_tokens: 8 }));
  });

  test("killing llama-server fails no request, not even those that wait for it", async () => {
    // Frozen, it takes requests and answers none.
    server.child.kill("SIGSTOP");
    const waiting = Array.from({ length: 8 }, () => ask({ max_tokens: 8 }));
    await server.stop();
    const later: Promise<unknown>[] = [];
    for (let round = 0; round < 10; round++) {
      later.push(...Array.from({ length: 4 }, () => ask({ max_tokens: 8 })));
      await Promise.race(later.slice(-4));
    }
    await Promise.all([...waiting, ...later]);
  });

  test("a llama-server that joins again takes its share again, and killing the embedded node fails no request", async () => {
    await startServer();
    await joinServer("llama-server-2");
    await askUntilBoth(4, ["embedded", "llama-server-2"], () => ask({ max_tokens: 8 }));
    await nodes.get("embedded")?.stop("SIGKILL");
    const answers = await askUntilBoth(20, ["llama-server-2"], () => ask({ max_tokens: 8 }));
    expect(answers.every(({ choices }) => (choices[0]?.message.content ?? "") !== "")).toBe(true);
  });
});
