import { type Client, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import type { Generate } from "../../core/generate.ts";
import { shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { openRelay } from "../../core/relay/client.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import type { GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { FakeNodes, FakeRegistry } from "../../test/support/router/mesh.ts";
import {
  delta,
  finished,
  generationOf,
  nodeOf,
  settled,
  started,
  textOf,
} from "../../test/support/router/router.ts";
import { createRouter, type Router } from "./index.ts";

let clock: FakeClock;
let registry: FakeRegistry;
let nodes: FakeNodes;
let router: Router;
let client: Client<typeof RouterService>;

beforeEach(() => {
  clock = new FakeClock();
  registry = new FakeRegistry();
  nodes = new FakeNodes(clock);
  router = createRouter({
    registry: registry.transport,
    dial: nodes.dial,
    clock,
    log: silentLog,
    random: () => 0.5,
  });
  client = createClient(
    RouterService,
    createInProcessTransport([register(RouterService, router.implementation)]),
  );
});
afterEach(async () => {
  router.close();
  await settled();
  expect(nodes.open).toBe(0);
  expect(clock.pending).toBe(0);
});

const saying = (text: string): Generate =>
  async function* () {
    yield started();
    yield delta(text);
    yield finished();
  };
/** Begins and goes silent until it is cancelled; tells the test. */
const hanging = (seen: { cancelled: number; begun: number }, ...events: GenerationEvent[]): Generate =>
  async function* (_generation, signal) {
    seen.begun += 1;
    yield* events;
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        seen.cancelled += 1;
        reject(signal.reason);
      }),
    );
  };

const join = async (answers: Record<string, Generate>) => {
  for (const [id, generate] of Object.entries(answers)) {
    nodes.start(`${id}:1`, generate);
    registry.put(nodeOf(id, { address: `${id}:1` }));
  }
  await settled();
};
const generate = async (fields: Parameters<typeof generationOf>[0] = {}, signal?: AbortSignal) => {
  const responses = client.generate(
    { generation: generationOf(fields) },
    signal === undefined ? {} : { signal },
  );
  const events: GenerationEvent[] = [];
  for await (const { event } of responses) events.push(event!);
  return events;
};
/** As a translator does. */
const relay = () =>
  openRelay({
    clock,
    exchange: async function* (frames, signal) {
      for await (const { frame } of client.relay(wrap(frames), { signal }))
        if (frame !== undefined) yield frame;
    },
  });
async function* wrap(frames: AsyncIterable<EngineBound>) {
  for await (const frame of frames) yield { frame };
}

describe("a router", () => {
  test("is ready once it has heard of the registry, and stays so while that is away", async () => {
    expect(router.whyNotReady()).toBe("The registry has not answered yet.");
    await settled();
    expect(router.whyNotReady()).toBeUndefined();
    registry.goDown();
    await settled();
    expect(router.whyNotReady()).toBeUndefined();
  });

  test("answers over Generate", async () => {
    await join({ a: saying("hello") });
    const events = await generate({ id: "" });
    expect(events.map(({ event }) => event.case)).toEqual(["started", "delta", "finished"]);
    expect(textOf(events)).toBe("hello");
  });

  test("answers many generations over one relay", async () => {
    await join({ a: saying("from a"), b: saying("from b") });
    const translator = relay();
    const ids = Array.from({ length: 30 }, (_, index) => `g${index}`);
    const answers = await Promise.all(
      ids.map((id) =>
        Array.fromAsync(translator.generate(generationOf({ id }), new AbortController().signal)),
      ),
    );
    expect(new Set(answers.map(textOf))).toEqual(new Set(["from a", "from b"]));
    expect(answers.every((events) => events.at(-1)?.event.case === "finished")).toBe(true);
    expect(translator.open).toBe(0);
    translator.close(new MeshError("node_lost", "The test is over."));
  });

  test("fails over a relay with the mesh's own errors", async () => {
    await join({ a: saying("hello") });
    const translator = relay();
    const answer = translator.generate(generationOf({ model: "gpt-9" }), new AbortController().signal);
    await expect(Array.fromAsync(answer)).rejects.toMatchObject({ kind: "model_not_found", param: "model" });
    translator.close(new MeshError("node_lost", "The test is over."));
  });

  test("refuses a request without a generation", async () => {
    await expect(Array.fromAsync(client.generate({}))).rejects.toMatchObject({ kind: "invalid_request" });
    await expect(client.explainRoute({})).rejects.toMatchObject({ kind: "invalid_request" });
  });

  test("lists the models of ready nodes", async () => {
    await join({ a: saying("x"), b: saying("y") });
    nodes.stop("b:1");
    await settled();
    const { models } = await client.listModels({});
    expect(models).toMatchObject([
      { name: "m", nodes: 1, slots: 2, contextLength: 4096, since: 1_700_000_000n },
    ]);
  });

  test("explains for every node what was said of it", async () => {
    await join({ a: saying("x"), b: saying("y"), c: saying("z") });
    nodes.stop("c:1");
    registry.put(
      nodeOf("d", { address: "d:1" }, { model: "other" }),
      nodeOf("b", { address: "b:1", draining: true }),
    );
    await settled();
    const { verdicts } = await client.explainRoute({ generation: generationOf() });
    expect(verdicts.map(({ node, rejectedBy }) => [node?.id, rejectedBy])).toEqual([
      ["a", ""],
      ["b", "draining"],
      ["c", "relay"],
      ["d", "model"],
    ]);
    const [best] = verdicts;
    expect(best?.scores.map(({ scorer }) => scorer)).toEqual(["expected-wait", "pace", "idleness"]);
    expect(best?.total).toBeCloseTo(best!.scores.reduce((sum, { value, weight }) => sum + value * weight, 0));
    expect(best?.load).toMatchObject({ model: "m", slots: 2, running: 0, waiting: 0 });
    expect(await generate()).toMatchObject([{ event: { value: { nodeId: "a" } } }, {}, {}]);
  });

  test("explains the same ranking that it follows", async () => {
    await join({ a: saying("x"), b: saying("y"), c: saying("z") });
    for (let index = 0; index < 10; index++) {
      const { verdicts } = await client.explainRoute({ generation: generationOf({ id: `g${index}` }) });
      const [first] = await generate({ id: `g${index}` });
      expect(first?.event.value).toMatchObject({ nodeId: verdicts[0]?.node?.id });
    }
  });
});

describe("trouble", () => {
  test("a node that dies before the first token costs the caller nothing", async () => {
    const seen = { begun: 0, cancelled: 0 };
    await join({ a: hanging(seen, started()) });
    const answer = generate();
    await settled();
    expect(seen.begun).toBe(1);
    await join({ b: saying("from b") });
    nodes.stop("a:1");
    expect(textOf(await answer)).toBe("from b");
  });

  test("a node whose engine hangs is given up after a second and a half", async () => {
    const seen = { begun: 0, cancelled: 0 };
    await join({ a: hanging(seen, started()) });
    const answer = generate();
    await settled();
    await join({ b: saying("from b") });
    await clock.advance(2000);
    expect(textOf(await answer)).toBe("from b");
    expect(seen.cancelled).toBe(1);
  });

  test("a caller that leaves is gone from the node", async () => {
    const seen = { begun: 0, cancelled: 0 };
    await join({ a: hanging(seen, started(), delta("x")) });
    const leave = new AbortController();
    const answer = generate({}, leave.signal).catch(toMeshError);
    await settled();
    leave.abort();
    await answer;
    await settled();
    expect(seen).toEqual({ begun: 1, cancelled: 1 });
  });

  test("a translator that leaves frees everything that it had open", async () => {
    const seen = { begun: 0, cancelled: 0 };
    await join({ a: hanging(seen, started(), delta("x")) });
    const translator = relay();
    const answers = ["g1", "g2"].map((id) =>
      Array.fromAsync(translator.generate(generationOf({ id }), new AbortController().signal)).catch(
        toMeshError,
      ),
    );
    await settled();
    expect(seen.begun).toBe(2);
    translator.close(new MeshError("node_lost", shuttingDown));
    await Promise.all(answers);
    await settled();
    expect(seen.cancelled).toBe(2);
  });

  test("a registry that is away for a quarter of an hour changes nothing", async () => {
    await join({ a: saying("hello"), b: saying("hello") });
    registry.goDown();
    await clock.advance(15 * 60_000);
    expect(textOf(await generate())).toBe("hello");
    expect((await client.listModels({})).models).toMatchObject([{ nodes: 2 }]);
  });

  test("a registry that comes back without its memory does not empty the mesh", async () => {
    await join({ a: saying("hello"), b: saying("hello"), c: saying("hello") });
    registry.goDown();
    registry.comeBack({ forgetful: true });
    await clock.advance(1000);
    expect(registry.watches).toBe(2);
    expect((await client.listModels({})).models).toMatchObject([{ nodes: 3 }]);
    for (const id of ["a", "b", "c"]) registry.put(nodeOf(id, { address: `${id}:1` }));
    await settled();
    expect((await client.listModels({})).models).toMatchObject([{ nodes: 3 }]);
    expect([...nodes.dialled.values()]).toEqual([1, 1, 1]);
  });

  test("a node whose lease lapses gets nothing new while its open generation goes on", async () => {
    const finish = Promise.withResolvers<void>();
    await join({
      a: async function* () {
        yield started();
        yield delta("begun, ");
        await finish.promise;
        yield delta("done");
        yield finished();
      },
    });
    const answer = generate();
    await settled();
    await join({ b: saying("from b"), c: saying("from c") });
    registry.remove("a");
    await settled();
    expect((await client.listModels({})).models).toMatchObject([{ nodes: 2 }]);
    finish.resolve();
    expect(textOf(await answer)).toBe("begun, done");
  });
});

describe("the end", () => {
  test("a router that drains says so, finishes what is open and takes nothing new", async () => {
    const finish = Promise.withResolvers<void>();
    await join({
      a: async function* () {
        yield started();
        yield delta("begun, ");
        await finish.promise;
        yield delta("done");
        yield finished();
      },
    });
    const translator = relay();
    const answer = Array.fromAsync(translator.generate(generationOf(), new AbortController().signal));
    await settled();
    expect(translator.load?.draining).toBe(false);
    let drained = false;
    const draining = router.drain(60_000).then(() => {
      drained = true;
    });
    await settled();
    expect(router.whyNotReady()).toBe("The service is shutting down.");
    expect([translator.load?.draining, drained]).toEqual([true, false]);
    await expect(generate()).rejects.toMatchObject({ kind: "saturated" });
    finish.resolve();
    expect(textOf(await answer)).toBe("begun, done");
    await draining;
    translator.close(new MeshError("node_lost", "The test is over."));
  });

  test("a router that closes ends what is open, its relays, and its way to the nodes", async () => {
    const seen = { begun: 0, cancelled: 0 };
    await join({ a: hanging(seen, started(), delta("x")) });
    const translator = relay();
    const answer = Array.fromAsync(translator.generate(generationOf(), new AbortController().signal));
    const failure = answer.catch(toMeshError);
    await settled();
    router.close();
    expect(await failure).toMatchObject({ kind: "node_lost" });
    expect((await translator.closed).kind).toBe("node_lost");
    await settled();
    expect(seen.cancelled).toBe(1);
  });
});
