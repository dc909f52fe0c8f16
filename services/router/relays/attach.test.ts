import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { protocolCode } from "../../../core/protocol.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { Channel } from "../../../core/streams/channel.ts";
import { createLog, silentLog } from "../../../core/telemetry/log.ts";
import { type EngineBound, LoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type AttachRequest,
  AttachRequest_HelloSchema,
  AttachRequestSchema,
  RouterService,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { FakeRegistry } from "../../../test/support/router/mesh.ts";
import {
  delta,
  finished,
  generationOf,
  nodeOf,
  settled,
  started,
  textOf,
} from "../../../test/support/router/router.ts";
import { Fleet } from "../fleet/fleet.ts";
import { Attachments } from "./attach.ts";

let clock: FakeClock;
let registry: FakeRegistry;
let fleet: Fleet;
let client: ReturnType<typeof createClient<typeof RouterService>>;
let demandCaller: (nodeId: string) => void;
let warnings: string[];

/** What the router speaks. */
const protocol = { current: 3, oldest: 1 };

beforeEach(() => {
  demandCaller = () => {};
  clock = new FakeClock();
  registry = new FakeRegistry();
  registry.leases.set("lease-a", "a").set("lease-b", "b");
  fleet = new Fleet({ clock, log: silentLog });
  fleet.list(new Map([["a", nodeOf("a")]]));
  warnings = [];
  const log = createLog({
    service: "router",
    level: "warn",
    pretty: false,
    write: (line) => void warnings.push(JSON.parse(line).msg),
  });
  const attachments = new Attachments({ registry: registry.transport, fleet, clock, log, protocol });
  const service = {
    attach: (requests: AsyncIterable<AttachRequest>, { signal }: { signal: AbortSignal }) =>
      attachments.attach(requests, (nodeId) => demandCaller(nodeId), signal),
  };
  client = createClient(RouterService, createInProcessTransport([register(RouterService, service as never)]));
});
afterEach(async () => {
  fleet.close(new MeshError("node_lost", "The test is over."));
  await clock.advance(10_000);
  expect(clock.pending).toBe(0);
});

interface NodeEnd {
  accepted: boolean;
  /** What the router said that it speaks. */
  protocol: { current: number; oldest: number } | undefined;
  /** Why it was refused, or why the relay ended. */
  error: MeshError | undefined;
  readonly leave: AbortController;
}

/** Attaches as a node does: Hello first, then the engine's end of a relay over what the router sends. */
function attach(
  hello: MessageInitShape<typeof AttachRequest_HelloSchema> | undefined,
  generate: Generate = answer,
  nodeClock: Clock = clock,
): NodeEnd {
  const leave = new AbortController();
  const end: NodeEnd = { accepted: false, protocol: undefined, error: undefined, leave };
  const frames = new Channel<EngineBound>({ capacity: 1000 });
  async function* requests() {
    if (hello !== undefined)
      yield create(AttachRequestSchema, {
        message: { case: "hello", value: create(AttachRequest_HelloSchema, hello) },
      });
    const load = { current: () => create(LoadSchema), subscribe: () => () => {} };
    for await (const frame of serveRelay({ generate, frames, signal: leave.signal, clock: nodeClock, load }))
      yield create(AttachRequestSchema, { message: { case: "frame", value: frame } });
  }
  void (async () => {
    for await (const { frame, protocol } of client.attach(requests(), { signal: leave.signal })) {
      if (end.accepted) frames.push(frame!);
      else end.protocol = protocol;
      end.accepted = true;
    }
  })()
    .catch((error) => {
      end.error = toMeshError(error);
    })
    .finally(() => frames.close());
  return end;
}

async function* answer() {
  yield started();
  yield delta("from behind NAT");
  yield finished();
}
const ask = () =>
  Array.fromAsync(fleet.reserve("a", "m").generate(generationOf(), new AbortController().signal));

test("accepts a node whose lease the registry vouches for, and generates over it", async () => {
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(node).toMatchObject({ accepted: true, error: undefined });
  expect(fleet.isConnected("a")).toBe(true);
  expect(textOf(await ask())).toBe("from behind NAT");
});

test("accepts a node before the registry's watch tells of it, and picks it afterwards", async () => {
  registry.leases.set("lease-new", "new");
  attach({ nodeId: "new", leaseId: "lease-new" });
  await settled();
  expect(fleet.isConnected("new")).toBe(true);
  expect(fleet.isListed("new")).toBe(false);
  fleet.list(new Map([["new", nodeOf("new")]]));
  expect(fleet.candidates("m")).toMatchObject([{ node: { id: "new" }, listed: true, connected: true }]);
});

test.each([
  ["an unknown lease", { nodeId: "a", leaseId: "made-up" }],
  ["another node's lease", { nodeId: "b", leaseId: "lease-a" }],
  ["no lease", { nodeId: "a", leaseId: "" }],
])("refuses %s and says what to do", async (_, hello) => {
  const node = attach(hello);
  await settled();
  expect(node).toMatchObject({
    accepted: false,
    error: { kind: "unauthenticated", code: "lease_lapsed", message: expect.stringContaining("register") },
  });
  expect(fleet.isConnected(hello.nodeId)).toBe(false);
});

test("refuses who does not begin with a Hello", async () => {
  const node = attach(undefined);
  await settled();
  expect(node.error).toMatchObject({ kind: "invalid_request" });
});

test("refuses who says nothing at all, after five seconds", async () => {
  let error: unknown;
  const silent = new Channel<AttachRequest>({ capacity: 1 });
  void Array.fromAsync(client.attach(silent)).catch((thrown) => {
    error = thrown;
  });
  await clock.advance(5000);
  await settled();
  expect(error).toMatchObject({ kind: "unauthenticated" });
});

test.each([
  ["is newer and still speaks an older one", { current: 4, oldest: 3 }],
  ["speaks one that the router still does", { current: 2, oldest: 2 }],
  ["tells none, so it speaks the first", undefined],
])("accepts a node whose protocol %s, and tells its own", async (_, told) => {
  const node = attach({ nodeId: "a", leaseId: "lease-a", ...(told === undefined ? {} : { protocol: told }) });
  await settled();
  expect(node).toMatchObject({ accepted: true, protocol: { current: 3, oldest: 1 } });
  expect(warnings).toEqual([]);
});

test("refuses a node of another protocol before it is vouched for, and tells the operator once", async () => {
  const hello = { nodeId: "a", leaseId: "lease-a", protocol: { current: 5, oldest: 4 } };
  registry.whenRenewed = () => expect.unreachable();
  const says =
    "Update cxmpute on the router: it speaks versions 1 to 3 of the mesh's protocol, the node versions 4 to 5.";
  for (let attempt = 0; attempt < 3; attempt++) {
    const node = attach(hello);
    await settled();
    expect(node).toMatchObject({
      accepted: false,
      error: { kind: "invalid_request", code: protocolCode, message: says },
    });
  }
  expect(warnings).toEqual([`node a gets no work. ${says}`]);
  expect(fleet.isConnected("a")).toBe(false);
});

test("tells again of a node that could be used meanwhile", async () => {
  const old = { nodeId: "a", leaseId: "lease-a", protocol: { current: 5, oldest: 4 } };
  for (const hello of [old, { nodeId: "a", leaseId: "lease-a" }, old]) {
    attach(hello);
    await settled();
  }
  expect(warnings).toHaveLength(2);
});

test("notices at once that an attached node has gone, and takes it back", async () => {
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  node.leave.abort();
  await settled();
  expect(fleet.isConnected("a")).toBe(false);
  attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(textOf(await ask())).toBe("from behind NAT");
});

test("suspects an attached node that is silent, and loses it after 30 s", async () => {
  const frozen = attach({ nodeId: "a", leaseId: "lease-a" }, answer, new FakeClock());
  const alive = attach({ nodeId: "b", leaseId: "lease-b" });
  const suspected = () =>
    fleet.allNodes("m").flatMap((candidate) => (candidate.suspected ? [candidate.node.id] : []));
  await clock.advance(1500);
  expect(suspected()).toEqual([]);
  await clock.advance(500);
  expect(suspected()).toEqual(["a"]);
  expect([fleet.isConnected("a"), fleet.isConnected("b")]).toEqual([true, true]);
  await clock.advance(29_000);
  await settled();
  expect([fleet.isConnected("a"), fleet.isConnected("b")]).toEqual([false, true]);
  expect(frozen.error).toMatchObject({ kind: "node_lost" });
  expect(alive.error).toBeUndefined();
});

test("lets a newer attachment of a node replace the former", async () => {
  const former = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(former.error).toMatchObject({ kind: "node_lost" });
  expect(textOf(await ask())).toBe("from behind NAT");
});

test("takes back, while the registry is away, who was here with the same lease, and nobody else", async () => {
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  node.leave.abort();
  registry.goDown();
  const back = attach({ nodeId: "a", leaseId: "lease-a" });
  const stranger = attach({ nodeId: "a", leaseId: "lease-x" });
  await settled();
  expect(back).toMatchObject({ accepted: true, error: undefined });
  expect(stranger).toMatchObject({ accepted: false, error: { kind: "no_nodes", retryAfterMs: 1000 } });
});

test("takes nobody back, while the registry is away, who had left the mesh before", async () => {
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  node.leave.abort();
  await settled();
  fleet.list(new Map());
  registry.goDown();
  const back = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(back).toMatchObject({ accepted: false, error: { kind: "no_nodes" } });
});

test("refuses a caller that is another node, before the registry is asked", async () => {
  demandCaller = (nodeId) => {
    throw new MeshError("unauthenticated", `You are not ${nodeId}.`);
  };
  registry.goDown();
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(node).toMatchObject({ accepted: false, error: { message: "You are not a." } });
});

test("cuts a node that is thrown out while it answers, and never takes it back", async () => {
  const node = attach({ nodeId: "a", leaseId: "lease-a" }, async function* () {
    yield started();
    await new Promise(() => {});
  });
  await settled();
  const events = fleet.reserve("a", "m").generate(generationOf(), new AbortController().signal);
  const answer = events[Symbol.asyncIterator]();
  await answer.next();
  fleet.list(new Map(), { revoked: new Set(["a"]) });
  await expect(answer.next()).rejects.toMatchObject({ kind: "node_lost" });
  await settled();
  expect(node.error).toMatchObject({ kind: "node_lost", message: expect.stringContaining("removed") });
  const back = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(back).toMatchObject({ accepted: false, error: { code: "node_revoked" } });
});

test("refuses a node that is thrown out while the registry vouches for it", async () => {
  registry.whenRenewed = () => fleet.list(new Map(), { revoked: new Set(["a"]) });
  const node = attach({ nodeId: "a", leaseId: "lease-a" });
  await settled();
  expect(node).toMatchObject({ accepted: false, error: { code: "node_revoked" } });
});

test("cancels at the node when the caller leaves", async () => {
  let cancelled = false;
  attach({ nodeId: "a", leaseId: "lease-a" }, async function* (_generation, signal) {
    yield started();
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        cancelled = true;
        reject(signal.reason);
      }),
    );
  });
  await settled();
  const leave = new AbortController();
  const events = fleet.reserve("a", "m").generate(generationOf(), leave.signal)[Symbol.asyncIterator]();
  await events.next();
  leave.abort();
  await settled();
  expect(cancelled).toBe(true);
});
