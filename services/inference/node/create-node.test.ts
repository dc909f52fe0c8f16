import { create } from "@bufbuild/protobuf";
import { createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { FakeClock } from "../../../core/fake-clock.ts";
import { openRelay } from "../../../core/relay/client.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { untilAborted } from "../../../core/streams/until-aborted.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import { type Node, RegistryService } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  type ClientBound,
  type EngineBound,
  EngineBoundSchema,
} from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { type AttachRequest, RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeEngine, generationOf, servedModel } from "../fake-engine.ts";
import { transcribe } from "../transcript.ts";
import { createNode, type NodeOptions } from "./create-node.ts";

/** A registry that remembers what it was told; `fails` makes it throw instead. */
class FakeRegistry {
  readonly ttlMs = 9000;
  readonly registered: Node[] = [];
  readonly deregistered: string[] = [];
  readonly leases = new Set<string>();
  renewals = 0;
  fails: MeshError | undefined;
  /** While true, calls never answer. */
  mute = false;

  readonly transport: Transport = createInProcessTransport([
    register(RegistryService, {
      registerNode: async ({ node }) => {
        await this.#answers();
        if (node === undefined) throw new MeshError("invalid_request", "No node.");
        this.registered.push(node);
        const leaseId = `lease-${this.registered.length}`;
        this.leases.clear();
        this.leases.add(leaseId);
        return { leaseId, ttlMs: this.ttlMs, revision: BigInt(this.registered.length) };
      },
      renewLease: async ({ leaseId }) => {
        await this.#answers();
        this.renewals++;
        if (!this.leases.has(leaseId)) throw new MeshError("invalid_request", "The lease has lapsed.");
        return { ttlMs: this.ttlMs };
      },
      deregisterNode: async ({ leaseId }) => {
        await this.#answers();
        this.deregistered.push(leaseId);
        return {};
      },
      listNodes: () => ({}),
      async *watchNodes() {},
    }),
  ]);

  async #answers(): Promise<void> {
    if (this.mute) await new Promise(() => {});
    if (this.fails !== undefined) throw this.fails;
  }
}

/** A router that accepts whoever attaches; `refuses` makes it throw instead. */
class FakeRouter {
  readonly hellos: string[] = [];
  readonly relays: RelayClient[] = [];
  refuses: MeshError | undefined;
  readonly transport: Transport;

  constructor(clock: FakeClock) {
    const attach = async function* (
      this: FakeRouter,
      requests: AsyncIterable<AttachRequest>,
      signal: AbortSignal,
    ) {
      const messages = requests[Symbol.asyncIterator]();
      const hello = (await messages.next()).value?.message;
      if (hello?.case !== "hello") throw new MeshError("invalid_request", "No hello.");
      this.hellos.push(`${hello.value.nodeId} ${hello.value.leaseId}`);
      if (this.refuses !== undefined) throw this.refuses;
      yield { frame: create(EngineBoundSchema) };
      const outgoing = Promise.withResolvers<AsyncIterable<EngineBound>>();
      const relay = openRelay({
        clock,
        exchange: (frames, relaySignal) => {
          outgoing.resolve(frames);
          return untilAborted(framesOf(messages), relaySignal);
        },
      });
      this.relays.push(relay);
      signal.addEventListener("abort", () => relay.close(new MeshError("node_lost", "The node left.")));
      for await (const frame of await outgoing.promise) yield { frame };
      throw await relay.closed;
    };
    const implementation: Partial<ServiceImpl<typeof RouterService>> = {
      attach: (requests, { signal }) => attach.call(this, requests, signal),
    };
    this.transport = createInProcessTransport([
      register(RouterService, implementation as ServiceImpl<typeof RouterService>),
    ]);
  }

  /** The relay that stands now. */
  get relay(): RelayClient {
    return this.relays.at(-1)!;
  }
}

async function* framesOf(messages: AsyncIterator<AttachRequest>): AsyncGenerator<ClientBound> {
  for (;;) {
    const { value, done } = await messages.next();
    if (done) return;
    if (value.message.case === "frame") yield value.message.value;
  }
}

async function makeNode(options: Partial<NodeOptions> = {}) {
  const clock = new FakeClock();
  const registry = new FakeRegistry();
  const routers = [new FakeRouter(clock), new FakeRouter(clock)] as const;
  const engine = new FakeEngine();
  const lines: { level?: string; msg?: string; generation_id?: string }[] = [];
  const node = createNode({
    id: "node-1",
    engines: [engine],
    registry: registry.transport,
    routers: routers.map(({ transport }) => transport),
    clock,
    log: createLog({
      service: "node",
      level: "debug",
      pretty: false,
      write: (line) => lines.push(JSON.parse(line)),
    }),
    random: () => 0,
    ...options,
  });
  const starting = new AbortController();
  let started: "no" | "yes" | MeshError = "no";
  const start = () =>
    node.start(starting.signal).then(
      () => {
        started = "yes";
      },
      (error: MeshError) => {
        started = error;
      },
    );
  return { clock, registry, routers, engine, node, lines, start, starting, started: () => started };
}

/** A node that stands in the registry and is attached to two routers, or dialled. */
async function startNode(options: Partial<NodeOptions> = {}) {
  const made = await makeNode(options);
  void made.start();
  await settle();
  expect(made.started()).toBe("yes");
  return made;
}

/** Lets everything run that can run now: a message between services takes several turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function advance(clock: FakeClock, ms: number): Promise<void> {
  await settle();
  await clock.advance(ms);
  await settle();
}

const never = new AbortController().signal;
const away = new MeshError("node_lost", "No connection established.");

describe("starting", () => {
  test("loads the engines, registers what they serve, and attaches to every router", async () => {
    const { registry, routers } = await startNode({ version: "1.2.3" });
    expect(registry.registered).toMatchObject([
      { id: "node-1", address: "", version: "1.2.3", draining: false, models: [{ model: "m", slots: 2 }] },
    ]);
    expect(routers.map(({ hellos }) => hellos)).toEqual([["node-1 lease-1"], ["node-1 lease-1"]]);
    expect(routers[0].relay.load).toMatchObject({ models: [{ model: "m", slots: 2, running: 0 }] });
  });

  test("with an address registers it, and attaches to nobody", async () => {
    const { registry, routers } = await startNode({ advertise: "10.0.0.7:50053" });
    expect(registry.registered[0]?.address).toBe("10.0.0.7:50053");
    expect(routers.map(({ hellos }) => hellos)).toEqual([[], []]);
  });

  test("fails when no engine can serve anything, with the engine's own words", async () => {
    const { engine, registry, start, started } = await makeNode();
    engine.serves = () => Promise.reject(new MeshError("invalid_request", "There is no file m.gguf."));
    await start();
    expect(started()).toMatchObject({ message: "There is no file m.gguf." });
    expect(registry.registered).toEqual([]);
  });

  test("serves what the other engines can when one cannot, and says so", async () => {
    const broken = new FakeEngine(() => Promise.reject(new Error("refused")));
    const { registry, lines } = await startNode({ engines: [broken, new FakeEngine()] });
    expect(registry.registered[0]?.models.map(({ model }) => model)).toEqual(["m"]);
    expect(lines.some(({ msg }) => msg === "an engine serves nothing now")).toBe(true);
  });

  test("waits for a registry that is away, and tells it once in the log", async () => {
    const { clock, registry, lines, start, started, routers } = await makeNode();
    registry.fails = away;
    void start();
    await advance(clock, 60_000);
    expect([started(), routers[0].hellos]).toEqual(["no", []]);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    registry.fails = undefined;
    await advance(clock, 10_000);
    expect([started(), routers[0].hellos]).toEqual(["yes", ["node-1 lease-1"]]);
  });

  test("fails when the registry refuses the node", async () => {
    const { registry, start, started, clock } = await makeNode();
    registry.fails = new MeshError("invalid_request", "The address is no HOST:PORT.");
    await start();
    expect(started()).toMatchObject({ message: "The address is no HOST:PORT." });
    await advance(clock, 60_000);
    expect(clock.pending).toBe(0);
  });

  test("can be given up", async () => {
    const { clock, registry, start, starting, started, node } = await makeNode();
    registry.fails = away;
    void start();
    await advance(clock, 1000);
    starting.abort(new MeshError("cancelled", "Ctrl-C."));
    await settle();
    expect(started()).toMatchObject({ message: "Ctrl-C." });
    const closing = node.close();
    await advance(clock, 1000);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

describe("the lease", () => {
  test("is renewed every third of its life", async () => {
    const { clock, registry } = await startNode();
    await advance(clock, 9000);
    expect([registry.renewals, registry.registered.length]).toEqual([3, 1]);
  });

  test("is renewed up to a fifth earlier, at random", async () => {
    const { clock, registry } = await startNode({ random: () => 0.999 });
    await advance(clock, 2410);
    expect(registry.renewals).toBe(1);
  });

  test("that has lapsed, or that a new registry does not know, is replaced at once", async () => {
    const { clock, registry } = await startNode();
    registry.leases.clear();
    await advance(clock, 3000);
    expect(registry.registered).toHaveLength(2);
    await advance(clock, 9000);
    expect(registry.registered).toHaveLength(2);
  });

  test("stands while the registry is away, and the node goes on serving", async () => {
    const { clock, registry, routers, engine } = await startNode();
    registry.fails = away;
    await advance(clock, 900_000);
    const answer = transcribe(routers[0].relay.generate(generationOf(), never));
    await settle();
    engine.runs[0]?.answer("still here");
    await settle();
    expect((await answer).text).toBe("still here");
    registry.fails = undefined;
    registry.leases.clear();
    await advance(clock, 10_000);
    expect(registry.registered).toHaveLength(2);
  });

  test("is asked for again when a call has had no answer for 5 s", async () => {
    const { clock, registry } = await startNode();
    registry.mute = true;
    await advance(clock, 3000 + 5000);
    registry.mute = false;
    await advance(clock, 300);
    expect(registry.renewals).toBe(1);
  });

  test("a change of the models is registered at the next look", async () => {
    const { clock, registry, engine, routers } = await startNode();
    engine.serves = [servedModel("m"), servedModel("n")];
    await advance(clock, 10_000);
    expect(registry.registered.at(-1)?.models.map(({ model }) => model)).toEqual(["m", "n"]);
    expect(routers[0].relay.load?.models.map(({ model }) => model)).toEqual(["m", "n"]);
  });
});

describe("attached", () => {
  test("answers what any of its routers starts, and tells each its load", async () => {
    const { routers, engine } = await startNode();
    const answers = routers.map(({ relay }) => transcribe(relay.generate(generationOf(), never)));
    await settle();
    expect(routers.map(({ relay }) => relay.load?.models[0]?.running)).toEqual([2, 2]);
    for (const run of engine.runs) run.answer("Hel", "lo");
    await settle();
    for (const { text, started } of await Promise.all(answers))
      expect([text, started?.nodeId]).toEqual(["Hello", "node-1"]);
  });

  test("a generation that its router gives up frees its slot", async () => {
    const { routers, engine, node } = await startNode();
    const controller = new AbortController();
    const answer = transcribe(routers[0].relay.generate(generationOf(), controller.signal));
    await settle();
    controller.abort(new MeshError("cancelled", "The caller left."));
    await expect(answer).rejects.toMatchObject({ kind: "cancelled" });
    await settle();
    expect([engine.runs[0]?.signal.aborted, node.load.current().models[0]?.running]).toEqual([true, 0]);
  });

  test("attaches again when the router goes, and ends what that router had open", async () => {
    const { clock, routers, engine, node } = await startNode();
    const answer = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    routers[0].relay.close(new MeshError("node_lost", "The router has stopped."));
    await advance(clock, 249);
    expect([engine.runs[0]?.signal.aborted, node.load.current().models[0]?.running]).toEqual([true, 0]);
    expect(routers.map(({ hellos }) => hellos.length)).toEqual([1, 1]);
    await advance(clock, 2);
    expect(routers.map(({ hellos }) => hellos.length)).toEqual([2, 1]);
    expect(await answer).toMatchObject({ kind: "node_lost" });
  });

  test("waits longer from try to try, up to 10 s, and begins anew after a success", async () => {
    const { clock, routers } = await startNode();
    const [router] = routers;
    router.refuses = new MeshError("no_nodes", "Not now.");
    router.relay.close(new MeshError("node_lost", "The router has stopped."));
    const tries: number[] = [];
    for (let elapsed = 0; elapsed < 60_000; elapsed += 250) {
      const before = router.hellos.length;
      await advance(clock, 250);
      if (router.hellos.length > before) tries.push(clock.now());
    }
    const gaps = tries.slice(1).map((time, index) => time - tries[index]!);
    expect(gaps.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    router.refuses = undefined;
    await advance(clock, 10_000);
    const before = router.hellos.length;
    router.relay.close(new MeshError("node_lost", "The router has stopped."));
    await advance(clock, 251);
    expect(router.hellos.length).toBe(before + 1);
  });

  test("registers anew when a router does not know its lease", async () => {
    const { clock, routers, registry } = await startNode();
    routers[0].refuses = new MeshError("unauthenticated", "No such lease.");
    routers[0].relay.close(new MeshError("node_lost", "The router has stopped."));
    await advance(clock, 300);
    routers[0].refuses = undefined;
    await advance(clock, 600);
    expect(registry.registered).toHaveLength(2);
    expect(routers[0].hellos.at(-1)).toBe("node-1 lease-2");
  });
});

describe("dialled", () => {
  test("answers Generate and Relay alike", async () => {
    const { clock, node, engine } = await startNode({ advertise: "10.0.0.7:50053" });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const client = createClient(InferenceService, transport);
    const single = (async function* () {
      for await (const { event } of client.generate({ generation: generationOf() })) if (event) yield event;
    })();
    const relay = openRelay({
      clock,
      exchange: async function* (frames, signal) {
        const requests = (async function* () {
          for await (const frame of frames) yield { frame };
        })();
        for await (const { frame } of client.relay(requests, { signal })) if (frame) yield frame;
      },
    });
    const answers = [transcribe(single), transcribe(relay.generate(generationOf(), never))];
    await settle();
    for (const run of engine.runs) run.answer("Hel", "lo");
    await settle();
    for (const { text, order } of await Promise.all(answers))
      expect([text, order[0], order.at(-1)]).toEqual(["Hello", "started", "finished"]);
    relay.close(new MeshError("cancelled", "Done."));
  });

  test("a request without a generation is refused", async () => {
    const { node } = await startNode({ advertise: "10.0.0.7:50053" });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const responses = createClient(InferenceService, transport).generate({});
    await expect(responses[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      kind: "invalid_request",
      param: "generation",
    });
  });
});

describe("draining", () => {
  test("refuses what is new, finishes what is open, then leaves", async () => {
    const { clock, node, routers, registry, engine } = await startNode();
    const { relay } = routers[0];
    const open = transcribe(relay.generate(generationOf(), never));
    await settle();
    let drained = false;
    const draining = node.drain(30_000).then(() => {
      drained = true;
    });
    await settle();
    expect(registry.registered.at(-1)).toMatchObject({ draining: true, models: [{ model: "m" }] });
    expect(relay.load?.draining).toBe(true);
    const refused = transcribe(relay.generate(generationOf(), never)).catch((error) => error);
    await advance(clock, 10_000);
    expect(await refused).toMatchObject({ kind: "no_nodes" });
    expect([drained, registry.deregistered]).toEqual([false, []]);
    engine.runs[0]?.answer("a", "b");
    await settle();
    expect((await open).text).toBe("ab");
    expect(registry.deregistered).toEqual(["lease-2"]);
    await advance(clock, 200);
    await draining;
    expect(await relay.closed).toMatchObject({ kind: "node_lost" });
    await advance(clock, 60_000);
    expect(routers[0].hellos).toHaveLength(1);
  });

  test("waits no longer than it is allowed to", async () => {
    const { clock, node, routers, registry, engine } = await startNode();
    const open = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    const draining = node.drain(5000);
    await advance(clock, 5200);
    await draining;
    expect(registry.deregistered).toHaveLength(1);
    expect(await open).toMatchObject({ kind: "node_lost" });
    await node.close();
    expect([engine.closed, engine.runs[0]?.signal.aborted]).toEqual([true, true]);
  });

  test("and closing, in any number, leave no timer and one farewell", async () => {
    const { clock, node, registry } = await startNode();
    await Promise.all([node.drain(1000), node.drain(1000), advance(clock, 200)]);
    await Promise.all([node.close(), node.close()]);
    await settle();
    expect([registry.deregistered.length, clock.pending]).toEqual([1, 0]);
  });

  test("does not wait for a registry that is away", async () => {
    const { clock, node, registry } = await startNode();
    registry.mute = true;
    let drained = false;
    void node.drain(30_000).then(() => {
      drained = true;
    });
    await advance(clock, 1000);
    expect(drained).toBe(true);
    await node.close();
    await settle();
    expect(clock.pending).toBe(0);
  });
});

describe("the log", () => {
  test("has one line for each generation at its end, which tells no word of it", async () => {
    const { clock, routers, engine, lines } = await startNode();
    const generation = generationOf({ caller: { requestId: "req-7", userId: "user-3" } });
    const answer = transcribe(routers[0].relay.generate(generation, never));
    await advance(clock, 20);
    engine.runs[0]?.answer("top", "secret");
    await settle();
    await answer;
    const told = lines.filter((line) => line.generation_id === "gen-1");
    expect(told).toMatchObject([
      {
        level: "info",
        request_id: "req-7",
        model: "m",
        node_id: "node-1",
        outcome: "stop",
        prompt_tokens: 3,
        completion_tokens: 2,
        queued_ms: 0,
        duration_ms: 20,
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|What is a mesh/);
  });

  test("tells what lies beneath a failure of the engine", async () => {
    const { routers, engine, lines } = await startNode();
    const answer = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    engine.runs[0]?.fail(new TypeError("undefined is not a tensor"));
    await settle();
    expect(await answer).toMatchObject({ kind: "engine_failed", message: "The engine of `m` failed." });
    expect(lines.filter((line) => line.generation_id === "gen-1")).toMatchObject([
      { level: "warn", outcome: "engine_failed" },
      { level: "error", err: { cause: { message: "undefined is not a tensor" } } },
    ]);
  });
});
