import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../../core/clock.ts";
import { silentLog } from "../../../../core/telemetry/log.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import { starterPath } from "../../../../test/support/inference/llama-cpp/engines.ts";
import {
  type OllamaServer,
  startOllamaServer,
} from "../../../../test/support/inference/ollama/ollama-server.ts";
import { type ReplayServer, startReplay } from "../../../../test/support/inference/ollama/replay-server.ts";
import { transcribe } from "../../transcript.ts";
import { createLlamaCppEngine } from "../llama-cpp/index.ts";
import { createOllamaEngine, type OllamaOptions, pullOllamaModel } from "./index.ts";

const never = new AbortController().signal;
const story = generationOf({
  model: "starter:latest",
  messages: [{ role: 2, parts: [{ part: { case: "text", value: "Tell me a short story." } }] }],
  sampling: { temperature: 0 },
});

describe("with a model behind it", () => {
  let server: OllamaServer;
  beforeAll(async () => {
    const engine = createLlamaCppEngine({ modelPath: starterPath, slots: 2 });
    server = await startOllamaServer({ engine, parallel: 2 });
  });
  afterAll(() => server?.close());
  const make = (options: OllamaOptions = {}) =>
    createOllamaEngine({ ...options, url: server.url }, { clock: systemClock, log: silentLog });
  const lastChat = () => server.seen.findLast(({ path }) => path === "/api/chat")!;

  test("asking again for models costs three requests that Ollama answers from memory", async () => {
    const engine = make();
    const first = await engine.models(never);
    expect(first.map(({ model }) => model)).toEqual(["starter:latest"]);
    const before = server.seen.length;
    expect(await engine.models(never)).toEqual(first);
    expect(server.seen.slice(before).map(({ path }) => path)).toEqual([
      "/api/version",
      "/api/tags",
      "/api/ps",
    ]);
    expect([engine.isLoaded?.("starter:latest"), engine.isLoaded?.("other")]).toEqual([true, false]);
  });

  test("an abort ends the request, in the middle of an answer", async () => {
    const engine = make();
    await engine.models(never);
    const controller = new AbortController();
    const reading = transcribe(engine.generate(story, controller.signal), ({ event }) => {
      if (event.case === "delta" && event.value.text !== "") controller.abort();
    });
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => lastChat().left).toBe(true);
  });

  test("leaving the iteration ends the request", async () => {
    const engine = make();
    await engine.models(never);
    for await (const { event } of engine.generate(story, never))
      if (event.case === "delta" && event.value.text !== "") break;
    await expect.poll(() => lastChat().left).toBe(true);
  });

  test("a stop text ends the request, and usage is what was really read", async () => {
    const engine = make();
    await engine.models(never);
    const whole = await transcribe(engine.generate(story, never));
    const at = Math.floor(whole.text.length / 3);
    const stop = whole.text.slice(at, at + 3);
    const before = server.seen.length;
    const limits = { ...story.limits, $typeName: "cxmpute.generation.v1.Limits" as const, stop: [stop] };
    const stopped = await transcribe(engine.generate({ ...story, limits }, never));
    expect(stopped.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
    expect(stopped.stop).toBe(stop);
    expect(stopped.usage?.promptTokens).toBe(whole.usage?.promptTokens);
    expect(stopped.usage?.completionTokens).toBeLessThan(whole.usage!.completionTokens);
    const [cut, counted] = server.seen.slice(before);
    await expect.poll(() => cut?.left).toBe(true);
    expect(counted?.body).toMatchObject({ options: { num_predict: 1 } });
  });

  test("an Ollama that was replaced by another version is noticed, and by one that is too old", async () => {
    const engine = make();
    const [before] = await engine.models(never);
    server.version = "0.21.0";
    const [after] = await engine.models(never);
    expect(after?.fingerprint).not.toBe(before?.fingerprint);
    server.version = "0.5.1";
    await expect(engine.models(never)).rejects.toMatchObject({
      kind: "engine_failed",
      message: `Ollama at ${server.url} is too old (0.5.1): before 0.12.6 it cuts long prompts without a word. Update Ollama there.`,
    });
    server.version = "0.33.0";
    expect(await engine.models(never)).toEqual([before]);
  });

  test("models are pulled with progress", async () => {
    const statuses: string[] = [];
    await pullOllamaModel({ url: server.url }, "starter", ({ status }) => statuses.push(status), never);
    expect(statuses.at(0)).toBe("pulling manifest");
    expect(statuses.at(-1)).toBe("success");
  });
});

describe("with an Ollama in trouble", () => {
  let server: ReplayServer | undefined;
  afterEach(() => server?.close());
  const tag = { name: "m", digest: "d1" };
  const ground = {
    "GET /api/version": { version: "0.33.0" },
    "GET /api/ps": { models: [] },
    "GET /api/tags": { models: [tag] },
    "POST /api/show": { capabilities: ["completion"], model_info: {} },
  };

  test("one that is not there is said to be started, with its address", async () => {
    server = await startReplay([], {});
    const { url } = server;
    await server.close();
    const engine = createOllamaEngine({ url: `${url}/` }, { clock: systemClock, log: silentLog });
    await expect(engine.models(never)).rejects.toMatchObject({
      kind: "engine_failed",
      message: `Ollama at ${url} does not answer: nothing listens there. Start it with \`ollama serve\`, or say where it is with --url.`,
    });
  });

  test("one that went away in the meantime fails the answer, without telling callers where it was", async () => {
    server = await startReplay([], ground);
    const engine = createOllamaEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    await engine.models(never);
    await server.close();
    await expect(transcribe(engine.generate(generationOf({ model: "m" }), never))).rejects.toMatchObject({
      kind: "engine_failed",
      message: expect.stringMatching(/^This node's Ollama does not answer: /),
    });
  });

  /** An Ollama that takes a chat and never answers it. */
  const startSilent = async () => {
    const forever: typeof fetch = (input, init) => {
      if (!String(input).endsWith("/api/chat")) return fetch(input, init);
      const { promise, reject } = Promise.withResolvers<Response>();
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      return promise;
    };
    server = await startReplay([], ground);
    const clock = new FakeClock();
    const engine = createOllamaEngine({ url: server.url }, { clock, log: silentLog, fetch: forever });
    await engine.models(never);
    const controller = new AbortController();
    const events = engine.generate(generationOf({ model: "m" }), controller.signal)[Symbol.asyncIterator]();
    expect((await events.next()).value?.event.case).toBe("started");
    return { clock, controller, events, server };
  };

  test("one that loads a model gives signs of life for as long as it answers otherwise", async () => {
    const { clock, controller, events } = await startSilent();
    for (let heartbeat = 0; heartbeat < 3; heartbeat++) {
      const next = events.next();
      await clock.advance(400);
      expect((await next).value?.event).toMatchObject({ case: "delta", value: { text: "", tokenIds: [] } });
    }
    const last = events.next();
    controller.abort();
    await expect(last).rejects.toMatchObject({ name: "AbortError" });
  });

  test("one that hangs as a whole gives none, and fails in the end", async () => {
    const { clock, events, server } = await startSilent();
    await server.close();
    let isSettled = false;
    const next = Promise.resolve(events.next()).finally(() => {
      isSettled = true;
    });
    const failed = expect(next).rejects.toMatchObject({
      kind: "engine_failed",
      message: "This node's Ollama sent nothing for 300 s, so the answer was stopped.",
    });
    // Each question to the server needs a turn of the real event loop.
    for (let step = 0; step < 5000 && !isSettled; step++) {
      await clock.advance(400);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await failed;
  });

  test("one without a model that it had is asked anew", async () => {
    server = await startReplay([], { ...ground });
    const engine = createOllamaEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    await engine.models(never);
    const gone = engine.generate(generationOf({ model: "other" }), never);
    await expect(transcribe(gone)).rejects.toMatchObject({
      kind: "engine_failed",
      message: "This node's Ollama does not serve `other` any more.",
    });
  });

  test("a signal that aborts ends the question for models with its own reason", async () => {
    server = await startReplay([], ground);
    const engine = createOllamaEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    const reason = new Error("The node stops.");
    await expect(engine.models(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
