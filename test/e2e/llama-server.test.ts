import { createHash } from "node:crypto";
import { Ajv } from "ajv";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLlamaServer, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";
import { hasProbed, type Mesh, realEngine, startMesh } from "../support/mesh.ts";
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
  let rejoined = 0;

  const startServer = async () => {
    server = await startLlamaServer("path" in found ? found.path : "");
  };
  const joinServer = async (name: string) => {
    nodes.set(name, await mesh.join(name, ["--engine", "openai", "--url", server.url]));
    await hasProbed(nodes.get(name));
  };

  beforeAll(async () => {
    await startServer();
    mesh = await startMesh("in many processes", { nodes: [], model: "starter" });
    nodes.set("embedded", await mesh.join("embedded", [...realEngine, "--slots", "4"]));
    await joinServer("llama-server");
    client = new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: mesh.apiKey, maxRetries: 0 });
  });
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

  test("both make a call that must be made, whatever the talk is of", async () => {
    const request = {
      ...weather,
      temperature: 1,
      messages: [{ role: "user" as const, content: "Say hello." }],
      tool_choice: "required" as const,
    };
    for (const answer of await askUntilBoth(8, both, () => ask(request))) expectCall(answer);
  });

  test("both call the one function that is named, of several, also as a stream", async () => {
    const clock = {
      type: "function" as const,
      function: { name: "get_time", parameters: { type: "object" } },
    };
    const request = {
      ...weather,
      temperature: 1,
      tools: [clock, ...weather.tools],
      tool_choice: { type: "function" as const, function: { name: "get_weather" } },
    };
    const askStream = async () => {
      const stream = client.chat.completions.stream({
        model: "starter",
        ...request,
        stream_options: { include_usage: true },
      });
      return stream.finalChatCompletion();
    };
    for (const answer of await askUntilBoth(4, both, () => ask(request))) expectCall(answer);
    for (const answer of await askUntilBoth(4, both, askStream)) expectCall(answer);
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

  /** The token that ends an answer. */
  const endOfAnswer = async () => {
    const tokenized = await fetch(`${server.url}/tokenize`, {
      method: "POST",
      body: JSON.stringify({ content: "<|im_end|>", parse_special: true }),
    });
    const [token] = ((await tokenized.json()) as { tokens: number[] }).tokens;
    return String(token);
  };

  /** Answers that routers had another node go on with. */
  const continuations = () =>
    [...mesh.programs]
      .filter(([name]) => name.startsWith("router"))
      .flatMap(([, program]) => program.entries())
      .filter(({ msg }) => msg === "answer continued on another node");

  /** What answers of the embedded node say of their engine. */
  const embeddedFingerprint = async () => {
    const { fingerprint } = await nodes.get("embedded")!.logged(({ msg }) => msg === "model loaded");
    return `fp_${createHash("sha256").update(String(fingerprint)).digest("hex").slice(0, 10)}`;
  };

  /** Long answers as streams, more at once than either node has slots. */
  async function askForStreams(onPiece: (fingerprint: string, piece: number) => void): Promise<LongAnswer[]> {
    const unending = { [await endOfAnswer()]: -100 };
    const answers = Array.from({ length: 6 }, async (_, index) => {
      const stream = await client.chat.completions.create({
        model: "starter",
        temperature: 0,
        max_tokens: longTokens,
        messages: [{ role: "user", content: `Tell me ${index + 2} stories.` }],
        logit_bias: unending,
        stream: true,
        stream_options: { include_usage: true },
      });
      const answer = { text: "", reason: "", tokens: 0 };
      let pieces = 0;
      for await (const { choices, usage, system_fingerprint: fingerprint } of stream) {
        answer.text += choices[0]?.delta.content ?? "";
        answer.reason = choices[0]?.finish_reason ?? answer.reason;
        answer.tokens = usage?.completion_tokens ?? answer.tokens;
        if (choices[0]?.delta.content) onPiece(fingerprint ?? "", ++pieces);
      }
      return answer;
    });
    return Promise.all(answers);
  }

  /** The answers of `askForStreams` when nothing is lost. */
  let undisturbed: readonly LongAnswer[] | undefined;

  /**
   * Loses a node under streams until one of them had to be continued: the answer that shows its first piece may be over
   * before the loss, where this process is slow. Whatever the moment, no answer may suffer.
   */
  async function expectContinued(
    lost: string,
    isLost: (fingerprint: string) => boolean,
    trouble: () => Promise<unknown>,
    again: () => Promise<unknown>,
  ): Promise<void> {
    undisturbed ??= await askForStreams(() => {});
    for (let tries = 0; tries < 5; tries++) {
      if (tries > 0) await again();
      expectWhole(await streamThrough(isLost, trouble), undisturbed);
      const own = continuations().filter(({ from }) => String(from).startsWith(lost));
      expect(own.filter(({ exact, to }) => exact !== false || String(to).startsWith(lost))).toEqual([]);
      if (own.length > 0) return;
    }
    throw new Error(`${lost} was never lost in the middle of an answer.`);
  }

  /** Makes the trouble as soon as a node has shown the first of one of its answers. */
  async function streamThrough(
    isLost: (fingerprint: string) => boolean,
    trouble: () => Promise<unknown>,
  ): Promise<LongAnswer[]> {
    const underWay = Promise.withResolvers<void>();
    const answers = askForStreams((fingerprint, piece) => {
      if (piece === 1 && isLost(fingerprint)) underWay.resolve();
    });
    await Promise.race([underWay.promise, answers]);
    await trouble();
    return answers;
  }

  test("a client that leaves frees the slot of llama-server in the middle of its answer", async () => {
    const unending = { [await endOfAnswer()]: -100 };
    /** Opens more streams than the embedded node has slots, so that some are llama-server's, and leaves them all. */
    const openAndLeave = async () => {
      const controllers = Array.from({ length: 6 }, () => new AbortController());
      await Promise.all(
        controllers.map(async ({ signal }) => {
          const stream = await client.chat.completions.create(
            {
              model: "starter",
              max_tokens: 900,
              messages: [{ role: "user", content: "Tell me a story." }],
              logit_bias: unending,
              stream: true,
            },
            { signal },
          );
          const events = stream[Symbol.asyncIterator]();
          for (;;) {
            const { done, value } = await events.next();
            if (done === true || value.choices[0]?.delta.content) break;
          }
        }),
      );
      for (const controller of controllers) controller.abort();
    };
    for (let tries = 0; ; tries++) {
      // An answer may have come to its end while the last one had not begun, where this process is slow.
      expect(tries, "every answer had ended before its client left").toBeLessThan(5);
      const lastTask = Math.max(...(await server.slots()).map(({ task }) => task));
      const ownSlots = async () => (await server.slots()).filter(({ task }) => task > lastTask);
      await openAndLeave();
      await expect.poll(async () => (await ownSlots()).some(({ isBusy }) => isBusy)).toBe(false);
      if ((await ownSlots()).some(({ isIncomplete }) => isIncomplete)) return;
    }
  });

  test("a llama-server that freezes fails no request that it has not begun to answer, and takes part again", async () => {
    server.child.kill("SIGSTOP");
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask({ max_tokens: 8 })));
    server.child.kill("SIGCONT");
    expect(answers).toHaveLength(12);
    await askUntilBoth(2, both, () => ask({ max_tokens: 8 }));
  });

  test("streams of a llama-server that is killed go on on the embedded node, from their text", async () => {
    const embedded = await embeddedFingerprint();
    const restart = async () => {
      await startServer();
      await joinServer(`llama-server-${nodes.size}`);
    };
    await expectContinued(
      "llama-server",
      (fingerprint) => fingerprint !== embedded,
      () => server.stop(),
      restart,
    );
    await restart();
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

  test("a llama-server that joins again takes its share again, also of the streams of an embedded node that is killed", async () => {
    await startServer();
    await joinServer("server-again");
    await askUntilBoth(4, ["embedded", "server-again"], () => ask({ max_tokens: 8 }));
    const embedded = await embeddedFingerprint();
    await expectContinued(
      "embedded",
      (fingerprint) => fingerprint === embedded,
      async () => nodes.get("embedded")?.stop("SIGKILL"),
      async () =>
        nodes.set("embedded", await mesh.join(`embedded-${++rejoined}`, [...realEngine, "--slots", "4"])),
    );
    const answers = await askUntilBoth(20, ["server-again"], () => ask({ max_tokens: 8 }));
    expect(answers.every(({ choices }) => (choices[0]?.message.content ?? "") !== "")).toBe(true);
  });

  /** Streams that came to their limit, of which half at least go on beyond the trouble as if there had been none. */
  function expectWhole(answers: readonly LongAnswer[], undisturbed: readonly LongAnswer[]): void {
    expect(answers.map(({ reason, tokens }) => [reason, tokens])).toEqual(
      answers.map(() => ["length", longTokens]),
    );
    const alike = answers.filter(({ text }, index) => undisturbed[index]?.text.startsWith(text.slice(0, 80)));
    expect(alike.length, answers.map(({ text }) => text.slice(0, 80)).join("\n")).toBeGreaterThanOrEqual(3);
  }
});

/** So long takes llama-server half a second, and less than that goes by between its first word and its end by force. */
const longTokens = 450;

/** What came of a stream. */
interface LongAnswer {
  readonly text: string;
  readonly reason: string;
  readonly tokens: number;
}
