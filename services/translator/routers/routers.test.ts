import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { routerStoppedCode } from "../../../core/answers/call.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { Channel } from "../../../core/streams/channel.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
  type UsageSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { type RelayRequest, RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  answering,
  answerOf,
  continuedEvent,
  createScript,
  deltaEvent,
  finishedEvent,
  modelOf,
  type ScriptedCall,
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
function testRouter(clock: FakeClock, generate: Generate = answering(answerOf("hi")), name = "test") {
  const router = {
    up: true,
    generate,
    draining: false,
    /** Relays that were opened, successfully or not. */
    attempts: 0,
    models: async () => [modelOf("m")],
    /** Reports a change of load. */
    announce: () => {},
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
    subscribe(listener: () => void) {
      router.announce = listener;
      return () => {};
    },
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
          generate: (...asked: Parameters<Generate>) => router.generate(...asked),
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
  router.link = new RouterLink({ transport, name, clock, log: silentLog, random: () => 0 });
  return router;
}

async function* framesOf(requests: AsyncIterable<RelayRequest>) {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}

/** Reads an answer in the background; what it has said so far, and how it ended. */
function read(generate: Generate, generation: Generation, signal = never) {
  const events: GenerationEvent[] = [];
  const texts: string[] = [];
  const done = (async () => {
    for await (const event of generate(generation, signal)) {
      events.push(event);
      if (event.event.case === "delta") texts.push(event.event.value.text);
    }
    return texts.join("");
  })();
  done.catch(() => {});
  return { events, texts, done };
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

/** Routers that stand, and the pool of them. */
async function createMesh(...generates: (Generate | undefined)[]) {
  const clock = new FakeClock();
  const routers = generates.map((generate, index) => testRouter(clock, generate, `router ${index + 1}`));
  await settle();
  const links = routers.map(({ link }) => link);
  return { clock, routers, pool: createRouterPool({ links, clock, log: silentLog }) };
}

describe("an answer outlives its router", () => {
  /** What the second router was asked for, and the answer, after the first was lost in the middle of it. */
  async function lose(
    events: readonly GenerationEvent[],
    asked: Generation = generationOf("1"),
    end: (made: Awaited<ReturnType<typeof createMesh>>, call: ScriptedCall) => void = ({ routers }) =>
      routers[0]!.kill(),
  ) {
    const [a, b] = [createScript(), createScript()];
    const made = await createMesh(a.generate, b.generate);
    const answer = read(made.pool.generate, asked);
    const first = await a.next();
    first.push(...events);
    await settle();
    end(made, first);
    await settle();
    return { ...made, answer, second: b };
  }
  const finishedWith = (usage: MessageInitShape<typeof UsageSchema>) =>
    finishedEvent(FinishReason.STOP, usage);

  test("from its tokens, at a router that has an equal engine", async () => {
    const { answer, second } = await lose([
      startedEvent("n1", "f"),
      deltaEvent({ text: "one ", tokenIds: [1] }),
      deltaEvent({ text: "two ", tokenIds: [2] }),
    ]);
    const call = await second.next();
    expect(call.generation.resume).toMatchObject({
      tokenIds: [1, 2],
      text: "one two ",
      fingerprint: "f",
      beingRead: true,
    });
    call.push(startedEvent("n2", "f"), deltaEvent({ text: "three", tokenIds: [3] }));
    call.push(finishedWith({ promptTokens: 5, completionTokens: 3 }));
    expect(await answer.done).toBe("one two three");
    const continuation = { nodeId: "n2", afterTokens: 2, exact: true, fingerprint: "f" };
    expect(answer.events.map(({ event }) => event.case)).toEqual([
      ...["started", "delta", "continued", "delta", "finished"],
    ]);
    expect(answer.events[2]?.event).toMatchObject({ value: continuation });
    expect(answer.events.at(-1)?.event).toMatchObject({
      value: { continuations: [continuation], usage: { promptTokens: 5, completionTokens: 3 } },
    });
  });

  test("from its text, when engines report no tokens; the usage is that of the whole answer", async () => {
    const { answer, second } = await lose([startedEvent("n1", ""), deltaEvent({ text: "one " })]);
    const call = await second.next();
    expect(call.generation.resume).toMatchObject({ tokenIds: [], text: "one ", beingRead: true });
    call.push(startedEvent("n2", ""), deltaEvent({ text: "two" }));
    call.push(finishedWith({ promptTokens: 6, completionTokens: 1 }));
    expect(await answer.done).toBe("one two");
    expect(answer.events.at(-1)?.event).toMatchObject({
      value: { continuations: [{ exact: false }], usage: { promptTokens: 5, completionTokens: 2 } },
    });
  });

  test("from its text, when the lost router had continued it inexactly itself", async () => {
    const taken = { nodeId: "n2", afterTokens: 1, exact: false, fingerprint: "g" };
    const { answer, second } = await lose([
      startedEvent("n1", "f"),
      deltaEvent({ text: "one ", tokenIds: [1] }),
      create(GenerationEventSchema, { event: { case: "continued", value: taken } }),
      deltaEvent({ text: "two ", tokenIds: [7] }),
    ]);
    const call = await second.next();
    expect(call.generation.resume).toMatchObject({ tokenIds: [], text: "one two ", fingerprint: "" });
    const again = { nodeId: "n4", afterTokens: 1, exact: true, fingerprint: "f" };
    call.push(startedEvent("n3", "f"), deltaEvent({ text: "three ", tokenIds: [3] }));
    call.push(create(GenerationEventSchema, { event: { case: "continued", value: again } }));
    call.push(finishedEvent());
    await answer.done;
    // The second router counts from where it began.
    const last = { ...again, afterTokens: 3 };
    expect(answer.events.at(-1)?.event).toMatchObject({
      value: { continuations: [taken, { nodeId: "n3", afterTokens: 2, exact: false }, last] },
    });
  });

  test("and a router of an earlier version reports continuations only at the end", async () => {
    const { pool } = await createMesh(
      answering([startedEvent("n1", "f"), textEvent("a"), continuedEvent("g", false)]),
    );
    const answer = read(pool.generate, generationOf("1"));
    await answer.done;
    expect(answer.events.at(-1)?.event).toMatchObject({
      value: { continuations: [{ nodeId: "b", exact: false, fingerprint: "g" }] },
    });
  });

  test.each([
    {
      what: "stops",
      end: (_: unknown, call: ScriptedCall) =>
        call.fail(new MeshError("node_lost", "It stops.", { code: routerStoppedCode })),
    },
    {
      what: "drains and loses a node",
      end: ({ routers }: Awaited<ReturnType<typeof createMesh>>, call: ScriptedCall) => {
        routers[0]!.draining = true;
        routers[0]!.announce();
        setImmediate(() => setImmediate(() => call.fail(new MeshError("node_lost", "Gone."))));
      },
    },
  ])("when its router $what", async ({ end }) => {
    const { answer, second } = await lose([startedEvent(), textEvent("one ")], undefined, end);
    (await second.next()).push(startedEvent(), textEvent("two"), finishedEvent());
    expect(await answer.done).toBe("one two");
  });

  test("but not what a router that stands reports: it has tried all nodes itself", async () => {
    const lost = new MeshError("node_lost", "All nodes are gone.");
    const { answer } = await lose([startedEvent(), textEvent("one ")], undefined, (_, call) =>
      call.fail(lost),
    );
    await expect(answer.done).rejects.toMatchObject({ kind: "node_lost", message: lost.message });
  });

  test("but not with a tool call that has begun, unless exactly", async () => {
    const toolCalls = [{ index: 0, id: "c", name: "f", argumentsJson: '{"a' }];
    const { answer } = await lose([startedEvent("n1", ""), deltaEvent({ toolCalls })]);
    await expect(answer.done).rejects.toMatchObject({ kind: "node_lost" });
  });

  test("with the time that its caller has left", async () => {
    const asked = create(GenerationSchema, { id: "1", model: "m", limits: { timeoutMs: 10_000 } });
    const [a, b] = [createScript(), createScript()];
    const { clock, routers, pool } = await createMesh(a.generate, b.generate);
    read(pool.generate, asked);
    (await a.next()).push(startedEvent(), textEvent("one "));
    await clock.advance(4000);
    routers[0]!.kill();
    expect((await b.next()).generation.limits?.timeoutMs).toBe(6000);
  });

  describe("when there is only one router", () => {
    test.each([
      { what: "in the middle", before: [startedEvent(), textEvent("one ")], text: "one two" },
      { what: "before the first token", before: [], text: "two" },
    ])("which comes back: its reader waits, $what", async ({ before, text }) => {
      const script = createScript();
      const { clock, routers, pool } = await createMesh(script.generate);
      const answer = read(pool.generate, generationOf("1"));
      (await script.next()).push(...before);
      await settle();
      routers[0]!.kill();
      await clock.advance(20_000);
      routers[0]!.up = true;
      const next = script.next();
      await clock.advance(6000);
      (await next).push(startedEvent(), textEvent("two"), finishedEvent());
      await settle();
      expect(await answer.done).toBe(text);
      expect(answer.events.filter(({ event }) => event.case === "started").length).toBe(1);
    });

    test("which knows no nodes yet: its reader waits for them", async () => {
      const script = createScript();
      const { clock, routers, pool } = await createMesh(script.generate);
      const answer = read(pool.generate, generationOf("1"));
      (await script.next()).push(startedEvent(), textEvent("one "));
      await settle();
      routers[0]!.kill();
      routers[0]!.generate = answering([], new MeshError("no_nodes", "None yet."));
      routers[0]!.up = true;
      await clock.advance(3000);
      routers[0]!.generate = script.generate;
      const next = script.next();
      await clock.advance(500);
      (await next).push(startedEvent(), textEvent("two"), finishedEvent());
      expect(await answer.done).toBe("one two");
    });

    test("which does not come back: an error after 30 s, with a code", async () => {
      const script = createScript();
      const { clock, routers, pool } = await createMesh(script.generate);
      const answer = read(pool.generate, generationOf("1"));
      (await script.next()).push(startedEvent(), textEvent("one "));
      await settle();
      routers[0]!.kill();
      await clock.advance(29_000);
      expect(answer.texts).toEqual(["one "]);
      await clock.advance(2000);
      await expect(answer.done).rejects.toMatchObject({ kind: "node_lost", code: "router_lost" });
    });

    test("nobody waits for it once the caller has left", async () => {
      const script = createScript();
      const { clock, routers, pool } = await createMesh(script.generate);
      const left = new AbortController();
      const answer = read(pool.generate, generationOf("1"), left.signal);
      (await script.next()).push(startedEvent(), textEvent("one "));
      await settle();
      routers[0]!.kill();
      await settle();
      left.abort(new MeshError("cancelled", "The caller left."));
      await expect(answer.done).rejects.toMatchObject({ kind: "cancelled" });
      routers[0]!.link.close(new MeshError("cancelled", "end"));
      await clock.advance(40_000);
      expect(clock.pending).toBe(0);
    });
  });
});

describe("several routers", () => {
  test("share the generations: the one with the fewest open gets the next", async () => {
    const [a, b] = [createScript(), createScript()];
    const { pool } = await createMesh(a.generate, b.generate);
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
    const { routers, pool } = await createMesh(a.generate, b.generate);
    const answer = read(pool.generate, generationOf("1"));
    await a.next();
    routers[0]!.kill();
    (await b.next()).push(...answerOf("from b"));
    expect(await answer.done).toBe("from b");
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
      const { pool } = await createMesh(refuse("a"), refuse("b"));
      await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject({ kind, message: "a" });
      expect(asked).toEqual(["a"]);
    },
  );

  test.each(["no_nodes", "model_not_found"] as const)(
    "are all asked when one knows no node, for it may have just started: %s",
    async (kind) => {
      const { pool, routers } = await createMesh(answering([], new MeshError(kind, "none")));
      await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject({ kind });
      const clock = new FakeClock();
      const second = testRouter(clock, answering(answerOf("from b")), "second");
      await settle();
      const both = createRouterPool({ links: [routers[0]!.link, second.link], clock, log: silentLog });
      expect(await read(both.generate, generationOf("2")).done).toBe("from b");
    },
  );

  test("are asked last when they are about to end", async () => {
    const clock = new FakeClock();
    const [a, b] = [createScript(), createScript()];
    const routers = [testRouter(clock, a.generate, "a"), testRouter(clock, b.generate, "b")];
    routers[0]!.draining = true;
    await settle();
    const pool = createRouterPool({ links: routers.map(({ link }) => link), clock, log: silentLog });
    for (const id of ["1", "2"]) {
      read(pool.generate, generationOf(id));
      expect((await b.next()).generation.id).toBe(id);
    }
  });

  test("that are all away are said to be so, with a time to try again", async () => {
    const { routers, pool } = await createMesh(undefined, undefined);
    for (const router of routers) router.kill();
    await settle();
    const failure = { kind: "no_nodes", retryAfterMs: 1000 };
    await expect(read(pool.generate, generationOf("1")).done).rejects.toMatchObject(failure);
    await expect(pool.listModels()).rejects.toMatchObject(failure);
  });

  test("list their models as long as one of them answers", async () => {
    const { routers, pool } = await createMesh(undefined, undefined);
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
    const { pool } = await createMesh(script.generate);
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
    const { pool, routers } = await createMesh(script.generate);
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
  const pool = createRouterPool({ links: [router.link], clock, log: silentLog });
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
