import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { Channel } from "../../../core/streams/channel.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { type Generation, GenerationSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { type RelayRequest, RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  answering,
  answerOf,
  createScript,
  finishedEvent,
  modelOf,
  startedEvent,
  textEvent,
} from "../../../test/support/translator/translator.ts";
import { RouterLink } from "./router-link.ts";
import { createRouterPool } from "./router-pool.ts";

const clockTurn = () => new Promise(setImmediate);
/** Lets frames cross: each takes a turn of the event loop or two. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await clockTurn();
};
const never = new AbortController().signal;
const generationOf = (id: string): Generation => create(GenerationSchema, { id, model: "m" });

/** A router that a test can kill and bring back. */
function testRouter(clock: FakeClock, generate: Generate = answering(answerOf("hi"))) {
  const router = {
    up: true,
    generate,
    draining: false,
    /** Relays that were opened, successfully or not. */
    attempts: 0,
    models: async () => [modelOf("m")],
    /** Breaks the open relay. */
    kill() {
      router.up = false;
      breaks?.abort(new MeshError("node_lost", "The connection broke."));
    },
    link: undefined as unknown as RouterLink,
  };
  let breaks: AbortController | undefined;
  const load = {
    current: (): Load => ({ $typeName: "cxmpute.relay.v1.Load", models: [], draining: router.draining }),
    subscribe: () => () => {},
  };
  const away = () => new MeshError("node_lost", "Connection refused.");
  const transport = createInProcessTransport([
    register(RouterService, {
      async *generate() {},
      async *relay(requests, { signal }) {
        router.attempts++;
        if (!router.up) throw away();
        breaks = new AbortController();
        const broken = breaks.signal;
        signal.addEventListener("abort", () => breaks?.abort(signal.reason));
        const options = {
          generate: router.generate,
          frames: framesOf(requests),
          signal: broken,
          clock,
          load,
        };
        for await (const frame of serveRelay(options)) yield { frame };
        throw broken.reason;
      },
      async *attach() {},
      async listModels() {
        if (!router.up) throw away();
        return { models: await router.models() };
      },
      explainRoute: () => ({}),
    }),
  ]);
  router.link = new RouterLink({ transport, name: "test", clock, log: silentLog, random: () => 0 });
  return router;
}

async function* framesOf(requests: AsyncIterable<RelayRequest>) {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}

/** Reads an answer in the background; what it has said so far, and how it ended. */
function read(generate: Generate, generation: Generation, signal = never) {
  const texts: string[] = [];
  const done = (async () => {
    for await (const { event } of generate(generation, signal))
      if (event.case === "delta") texts.push(event.value.text);
    return texts.join("");
  })();
  done.catch(() => {});
  return { texts, done };
}

describe("the way to a router", () => {
  test("is connected once the router has answered, and reopens when it breaks", async () => {
    const clock = new FakeClock();
    const router = testRouter(clock);
    expect(router.link.connected).toBe(false);
    await settle();
    expect(router.link.connected).toBe(true);
    router.kill();
    await settle();
    expect([router.link.connected, router.link.relay]).toEqual([false, undefined]);
    router.up = true;
    await clock.advance(100);
    await settle();
    expect(router.link.connected).toBe(true);
    router.link.close(new MeshError("cancelled", "end"));
    await clock.advance(60_000);
    expect([router.attempts, clock.pending]).toEqual([2, 0]);
  });

  test("is tried again after longer and longer, up to five seconds", async () => {
    const clock = new FakeClock();
    const router = testRouter(clock);
    await settle();
    router.kill();
    await settle();
    const before = router.attempts;
    // 100, 200, 400, 800, 1600, 3200, then 5000 each.
    await clock.advance(6300);
    expect(router.attempts - before).toBe(6);
    await clock.advance(5000);
    expect(router.attempts - before).toBe(7);
    router.up = true;
    await clock.advance(5000);
    await settle();
    router.kill();
    router.up = true;
    await settle();
    await clock.advance(100);
    await settle();
    expect(router.link.connected).toBe(true);
  });
});

describe("several routers", () => {
  /** Routers that stand, and the pool of them. */
  async function mesh(...generates: (Generate | undefined)[]) {
    const clock = new FakeClock();
    const routers = generates.map((generate) => testRouter(clock, generate));
    await settle();
    return { routers, pool: createRouterPool(routers.map(({ link }) => link)) };
  }

  test("share the generations: the one with the fewest open gets the next", async () => {
    const [a, b] = [createScript(), createScript()];
    const { pool } = await mesh(a.generate, b.generate);
    read(pool.generate, generationOf("1"));
    expect((await a.next()).generation.id).toBe("1");
    read(pool.generate, generationOf("2"));
    const second = await b.next();
    expect(second.generation.id).toBe("2");
    second.push(...answerOf("x"));
    await clockTurn();
    await clockTurn();
    read(pool.generate, generationOf("3"));
    expect((await b.next()).generation.id).toBe("3");
  });

  test("take over from one that is lost before the first event", async () => {
    const [a, b] = [createScript(), createScript()];
    const { routers, pool } = await mesh(a.generate, b.generate);
    const answer = read(pool.generate, generationOf("1"));
    await a.next();
    routers[0]!.kill();
    (await b.next()).push(...answerOf("from b"));
    expect(await answer.done).toBe("from b");
  });

  test("do not take over after it: the answer has started", async () => {
    const [a, b] = [createScript(), createScript()];
    const { routers, pool } = await mesh(a.generate, b.generate);
    const answer = read(pool.generate, generationOf("1"));
    (await a.next()).push(startedEvent(), textEvent("be"));
    await clockTurn();
    await clockTurn();
    routers[0]!.kill();
    await expect(answer.done).rejects.toMatchObject({ kind: "node_lost" });
    expect(answer.texts).toEqual(["be"]);
  });

  test.each(["node_lost", "engine_failed", "deadline", "saturated", "invalid_request"] as const)(
    "do not repeat what one of them has answered: %s",
    async (kind) => {
      const asked: string[] = [];
      const refuse = (name: string): Generate =>
        async function* () {
          asked.push(name);
          yield* [];
          throw new MeshError(kind, name);
        };
      const { pool } = await mesh(refuse("a"), refuse("b"));
      await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject({ kind, message: "a" });
      expect(asked).toEqual(["a"]);
    },
  );

  test.each(["no_nodes", "model_not_found"] as const)(
    "are all asked when one knows no node, for it may have just started: %s",
    async (kind) => {
      const { pool, routers } = await mesh(answering([], new MeshError(kind, "none")));
      await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject({ kind });
      const clock = new FakeClock();
      const second = testRouter(clock, answering(answerOf("from b")));
      await settle();
      const both = createRouterPool([routers[0]!.link, second.link]);
      expect(await read(both.generate, generationOf("2")).done).toBe("from b");
    },
  );

  test("are asked last when they are about to end", async () => {
    const clock = new FakeClock();
    const [a, b] = [createScript(), createScript()];
    const routers = [testRouter(clock, a.generate), testRouter(clock, b.generate)];
    routers[0]!.draining = true;
    await settle();
    const pool = createRouterPool(routers.map(({ link }) => link));
    for (const id of ["1", "2"]) {
      read(pool.generate, generationOf(id));
      expect((await b.next()).generation.id).toBe(id);
    }
  });

  test("that are all away are said to be so, with a time to try again", async () => {
    const { routers, pool } = await mesh(undefined, undefined);
    for (const router of routers) router.kill();
    await settle();
    const failure = { kind: "no_nodes", retryAfterMs: 1000 };
    await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject(failure);
    await expect(pool.listModels()).rejects.toMatchObject(failure);
  });

  test("list their models as long as one of them answers", async () => {
    const { routers, pool } = await mesh(undefined, undefined);
    routers[0]!.up = false;
    expect((await pool.listModels()).map(({ name }) => name)).toEqual(["m"]);
    routers[0]!.up = true;
    routers[0]!.models = async () => {
      throw new MeshError("invalid_request", "no");
    };
    await expect(pool.listModels()).rejects.toMatchObject({ kind: "invalid_request" });
  });

  test("hear at once when the caller leaves, before the first event and after it", async () => {
    const script = createScript();
    const { pool } = await mesh(script.generate);
    const early = new AbortController();
    const first = read(pool.generate, generationOf("1"), early.signal);
    const firstCall = await script.next();
    early.abort(new MeshError("cancelled", "gone"));
    await expect(first.done).rejects.toMatchObject({ message: "gone" });
    await firstCall.aborted;

    const late = new AbortController();
    const second = read(pool.generate, generationOf("2"), late.signal);
    const secondCall = await script.next();
    secondCall.push(startedEvent(), textEvent("a"));
    await clockTurn();
    late.abort(new MeshError("cancelled", "gone"));
    await expect(second.done).rejects.toMatchObject({ message: "gone" });
    await secondCall.aborted;
  });

  test("hear when the reader leaves the iteration", async () => {
    const script = createScript();
    const { pool, routers } = await mesh(script.generate);
    const left = (async () => {
      for await (const _ of pool.generate(generationOf("1"), never)) break;
    })();
    const call = await script.next();
    call.push(startedEvent());
    await left;
    await call.aborted;
    expect(routers[0]!.link.relay?.open).toBe(0);
  });
});

test("events pass in order, however they come", async () => {
  const clock = new FakeClock();
  const events = new Channel<ReturnType<typeof textEvent>>({ capacity: 1000 });
  const router = testRouter(clock, () => events);
  await settle();
  const pool = createRouterPool([router.link]);
  const answer = read(pool.generate, generationOf("1"));
  events.push(startedEvent());
  for (let index = 0; index < 100; index++) {
    events.push(textEvent(`${index} `));
    if (index % 10 === 0) await clockTurn();
  }
  events.push(finishedEvent());
  events.close();
  expect(await answer.done).toBe(Array.from({ length: 100 }, (_, index) => `${index} `).join(""));
});
