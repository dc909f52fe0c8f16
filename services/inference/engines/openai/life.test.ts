import { describe, expect, test } from "vitest";
import { isEmptyDelta } from "../../../../core/generation/events.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  chunk,
  done,
  engineFor,
  event,
  hello,
  hold,
  never,
  type Received,
  scriptedServer,
  sendEvents,
  sendJson,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";
import { beginLimitMs, stallLimitMs } from "./answer/answer.ts";

const word = event(chunk({ content: "Hi" }));

/** Sends these events and no more. */
function endEvents(received: Received, bytes: string): void {
  sendEvents(received, bytes);
  received.response.end();
}

/** A server whose chats are answered by the test, and whose list of models can be switched off. */
async function handServer() {
  const state: { refuse?: (received: Received) => void } = {};
  const chats: Received[] = [];
  const waiting: ((chat: Received) => void)[] = [];
  const server = await scriptedServer((received) => {
    if (received.method === "POST") {
      hold(received);
      chats.push(received);
      waiting.shift()?.(received);
    } else state.refuse?.(received);
  });
  return { ...server, state, nextChat: () => new Promise<Received>((resolve) => waiting.push(resolve)) };
}

/** Reads an answer in the background and keeps its events. */
function follow(events: AsyncIterable<GenerationEvent>) {
  const seen: string[] = [];
  const state = { isOver: false, error: undefined as unknown };
  const ended = transcribe(events, ({ event: { case: kind, value } }) => {
    seen.push(kind === "delta" && isEmptyDelta(value) ? "sign" : (kind ?? ""));
  })
    .catch((error: unknown) => {
      state.error = error;
    })
    .finally(() => {
      state.isOver = true;
    });
  return { seen, state, ended };
}

/** Lets time pass in small steps until something holds; the network has its real turns in between. */
async function passUntil(clock: FakeClock, holds: () => boolean, stepMs = 100): Promise<void> {
  while (!holds()) await clock.advance(stepMs);
}

describe("while the server sends nothing", () => {
  test("it is asked whether it is there, and its answers are the signs of life", async () => {
    const server = await handServer();
    const clock = new FakeClock();
    const engine = await engineFor(server, { clock });
    const chat = server.nextChat();
    const answer = follow(engine.generate(generationOf(), never));
    const { response } = await chat;
    await passUntil(clock, () => answer.seen.filter((kind) => kind === "sign").length >= 5);
    expect(answer.seen).toEqual(["started", "sign", "sign", "sign", "sign", "sign"]);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(hello);
    await answer.ended;
    expect(answer.seen.slice(-3)).toEqual(["delta", "delta", "finished"]);
    await server.close();
  });

  test.each([
    { what: "does not answer either", refuse: hold },
    {
      what: "a proxy answers that it is gone",
      refuse: (received: Received) => sendJson(received, { error: "Bad Gateway" }, 502),
    },
  ])("and $what, there is no sign of life", async ({ refuse }) => {
    const server = await handServer();
    const clock = new FakeClock();
    const engine = await engineFor(server, { clock });
    const chat = server.nextChat();
    const controller = new AbortController();
    const answer = follow(engine.generate(generationOf(), controller.signal));
    await chat;
    server.state.refuse = refuse;
    const { length } = server.received;
    // It is asked again and again, and each time given up soon.
    await passUntil(clock, () => server.received.length >= length + 3);
    expect(answer.seen).toEqual(["started"]);
    controller.abort();
    await answer.ended;
    await server.close();
  });

  test("it is asked once for all generations that wait", async () => {
    const server = await handServer();
    const clock = new FakeClock();
    const engine = await engineFor(server, { clock, slots: 8 });
    const controller = new AbortController();
    const answers: ReturnType<typeof follow>[] = [];
    for (let index = 0; index < 8; index++) {
      const chat = server.nextChat();
      answers.push(follow(engine.generate(generationOf(), controller.signal)));
      await chat;
    }
    const before = server.received.length;
    await passUntil(clock, () => answers.every(({ seen }) => seen.includes("sign")), 10);
    expect(server.received.length - before).toBeLessThanOrEqual(3);
    controller.abort();
    await Promise.all(answers.map(({ ended }) => ended));
    await server.close();
  });

  test.each([
    { when: "before the first token", bytes: ": waiting\n\n", limitMs: beginLimitMs, shown: [] },
    { when: "between two tokens", bytes: word, limitMs: stallLimitMs, shown: ["delta"] },
  ])("for too long $when, the answer has stalled", async ({ bytes, limitMs, shown }) => {
    const server = await handServer();
    const clock = new FakeClock();
    const engine = await engineFor(server, { clock });
    const chat = server.nextChat();
    const answer = follow(engine.generate(generationOf(), never));
    const request = await chat;
    sendEvents(request, bytes);
    await passUntil(clock, () => answer.seen.filter((kind) => kind === "delta").length >= shown.length, 1);
    const since = clock.now();
    await passUntil(clock, () => answer.state.isOver, 1000);
    expect(answer.seen.filter((kind) => kind === "delta")).toEqual(shown);
    expect(answer.seen).not.toContain("finished");
    expect(answer.state.error).toMatchObject({
      kind: "engine_failed",
      message: expect.stringMatching(/^The engine of `m` sent nothing for \d+ s\.$/),
    });
    expect(clock.now() - since).toBeGreaterThanOrEqual(limitMs - 1000);
    expect(clock.now() - since).toBeLessThanOrEqual(limitMs + 5000);
    await request.aborted;
    await server.close();
  });
});

test("comments and progress are signs of life by themselves", async () => {
  const server = await handServer();
  const clock = new FakeClock();
  const engine = await engineFor(server, { clock });
  server.state.refuse = hold;
  const chat = server.nextChat();
  const answer = follow(engine.generate(generationOf(), never));
  const request = await chat;
  for (const bytes of [
    ": keep-alive\n\n",
    event(chunk({ role: "assistant", content: null }, null, { prompt_progress: { total: 9, processed: 4 } })),
    ": keep-alive\n\n",
  ]) {
    const before = answer.seen.length;
    await clock.advance(300);
    sendEvents(request, bytes);
    await passUntil(clock, () => answer.seen.length > before, 0);
  }
  expect(answer.seen).toEqual(["started", "sign", "sign", "sign"]);
  request.response.end(hello);
  await answer.ended;
  expect(answer.seen.at(-1)).toBe("finished");
  await server.close();
});

describe("who leaves", () => {
  test.each([
    { when: "before the response", bytes: undefined },
    { when: "in the middle of the answer", bytes: word },
  ])("by aborting $when ends the request", async ({ bytes }) => {
    const server = await handServer();
    const engine = await engineFor(server);
    const chat = server.nextChat();
    const controller = new AbortController();
    const answer = follow(engine.generate(generationOf(), controller.signal));
    const request = await chat;
    if (bytes !== undefined) {
      sendEvents(request, bytes);
      await expect.poll(() => answer.seen).toContain("delta");
    }
    controller.abort(new Error("gone"));
    await request.aborted;
    await answer.ended;
    expect(answer.seen).not.toContain("finished");
    await server.close();
  });

  test("by leaving the iteration ends the request", async () => {
    const server = await handServer();
    const engine = await engineFor(server);
    const chat = server.nextChat();
    const events = engine.generate(generationOf(), never)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    const request = await chat;
    sendEvents(request, word);
    await next;
    await events.return?.();
    await request.aborted;
    await server.close();
  });

  test("by closing the engine ends all requests", async () => {
    const server = await handServer();
    const engine = await engineFor(server);
    const requests = [];
    const answers = [];
    for (let index = 0; index < 3; index++) {
      const chat = server.nextChat();
      answers.push(follow(engine.generate(generationOf(), never)));
      requests.push(await chat);
    }
    await engine.close();
    await Promise.all(requests.map(({ aborted }) => aborted));
    await Promise.all(answers.map(({ ended }) => ended));
    await server.close();
  });

  test("before it has begun asks for nothing", async () => {
    const server = await handServer();
    const engine = await engineFor(server);
    const before = server.received.length;
    const answer = follow(engine.generate(generationOf(), AbortSignal.abort(new Error("gone"))));
    await answer.ended;
    expect([answer.seen, server.received.length]).toEqual([[], before]);
    await server.close();
  });
});

test("a model that is gone since it was asked for fails its generation", async () => {
  const server = await handServer();
  const engine = await engineFor(server);
  const answer = follow(engine.generate(generationOf({ model: "other" }), never));
  await answer.ended;
  expect(answer.state.error).toMatchObject({
    kind: "engine_failed",
    message: "The engine does not serve `other` any more.",
  });
  await server.close();
});

describe("connections", () => {
  test("are used again for one answer after the other", async () => {
    const sockets = new Set<unknown>();
    const server = await scriptedServer((received) => {
      if (received.method !== "POST") return;
      sockets.add(received.response.socket);
      sendEvents(received, hello);
      received.response.end();
    });
    const engine = await engineFor(server);
    for (let index = 0; index < 20; index++) await transcribe(engine.generate(generationOf(), never));
    expect(sockets.size).toBeLessThan(5);
    await server.close();
  });

  test("are let go of, however answers end", async () => {
    let asked = 0;
    const endings: ((received: Received) => void)[] = [
      (received) => endEvents(received, hello),
      (received) => endEvents(received, word),
      // Open for good, behind its last word.
      (received) => sendEvents(received, hello),
      (received) => sendEvents(received, word + event(chunk({}, "stop")) + done),
      (received) => sendEvents(received, event({ error: { message: "dead" } })),
      (received) => sendEvents(received, "data: oops\n\n"),
      (received) => sendJson(received, { error: { message: "dead" } }),
      (received) => sendJson(received, { error: { message: "dead" } }, 500),
      (received) => sendJson(received, { error: { message: "x".repeat(200_000) } }, 400),
      ({ response }) =>
        void response.writeHead(200, { "content-type": "text/html" }).end("x".repeat(200_000)),
    ];
    const server = await scriptedServer((received) => {
      if (received.method === "POST") endings[asked++ % endings.length]?.(received);
    });
    const engine = await engineFor(server);
    for (let index = 0; index < 3 * endings.length; index++)
      await follow(engine.generate(generationOf(), never)).ended;
    expect(asked).toBe(3 * endings.length);
    // What is left are connections that wait for another request, a few seconds.
    await expect.poll(() => server.connections(), { interval: 50 }).toBeLessThanOrEqual(3);
    await server.close();
  });
});
