import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl, Transport } from "@connectrpc/connect";
import { expect } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { ProtocolRange } from "../../../core/protocol.ts";
import { openRelay } from "../../../core/relay/client.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { untilAborted } from "../../../core/streams/until-aborted.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import { type Node, RegistryService } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  type ClientBound,
  type EngineBound,
  EngineBoundSchema,
} from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type AttachRequest,
  type AttachResponseSchema,
  RouterService,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { createNode, type NodeOptions } from "../../../services/inference/node/create-node.ts";
import { FakeClock } from "../core/fake-clock.ts";
import { FakeEngine } from "./fake-engine.ts";

/** A registry that remembers what it was told; `fails` makes it throw instead. */
export class FakeRegistry {
  readonly ttlMs = 9000;
  readonly registered: Node[] = [];
  readonly deregistered: string[] = [];
  readonly leases = new Set<string>();
  /** What nodes said that they speak. */
  readonly protocolVersions: number[] = [];
  /** What it tells of itself when a node registers. */
  tells: { nowMs?: bigint; protocolVersion?: number; oldestProtocolVersion?: number } = {};
  renewals = 0;
  /** Calls of whatever kind, answered or not. */
  calls = 0;
  fails: MeshError | undefined;
  /** While true, calls never answer. */
  mute = false;

  readonly transport: Transport = createInProcessTransport([
    register(RegistryService, {
      describeRegistry: () => ({}),
      registerNode: async ({ node, protocolVersion }) => {
        await this.#answers();
        if (node === undefined) throw new MeshError("invalid_request", "No node.");
        this.registered.push(node);
        this.protocolVersions.push(protocolVersion);
        const leaseId = `lease-${this.registered.length}`;
        this.leases.clear();
        this.leases.add(leaseId);
        return { leaseId, ttlMs: this.ttlMs, revision: BigInt(this.registered.length), ...this.tells };
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
    this.calls++;
    if (this.mute) await new Promise(() => {});
    if (this.fails !== undefined) throw this.fails;
  }
}

/** A router that accepts whoever attaches; `refuses` makes it throw instead. */
export class FakeRouter {
  readonly hellos: string[] = [];
  readonly relays: RelayClient[] = [];
  /** What it says that it speaks; undefined for nothing. */
  protocol: ProtocolRange | undefined;
  /** What nodes said that they speak. */
  readonly nodeProtocols: (ProtocolRange | undefined)[] = [];
  refuses: MeshError | undefined;
  /** Nothing more of what it says arrives; or nothing on this relay. */
  mute = false;
  muted: RelayClient | undefined;
  /** A lease that it does not know. */
  refusesLease: string | undefined;
  readonly transport: Transport;

  constructor(clock: FakeClock) {
    const attach = async function* (
      this: FakeRouter,
      requests: AsyncIterable<AttachRequest>,
      signal: AbortSignal,
    ): AsyncGenerator<MessageInitShape<typeof AttachResponseSchema>> {
      const messages = requests[Symbol.asyncIterator]();
      const hello = (await messages.next()).value?.message;
      if (hello?.case !== "hello") throw new MeshError("invalid_request", "No hello.");
      this.hellos.push(`${hello.value.nodeId} ${hello.value.leaseId}`);
      this.nodeProtocols.push(hello.value.protocol);
      if (this.refuses !== undefined) throw this.refuses;
      if (this.refusesLease === hello.value.leaseId) throw new MeshError("unauthenticated", "No such lease.");
      const told = this.protocol;
      yield { frame: create(EngineBoundSchema), ...(told === undefined ? {} : { protocol: told }) };
      const outgoing = Promise.withResolvers<AsyncIterable<EngineBound>>();
      const relay = openRelay({
        clock,
        showsLife: true,
        exchange: (frames, relaySignal) => {
          outgoing.resolve(frames);
          return untilAborted(framesOf(messages), relaySignal);
        },
      });
      this.relays.push(relay);
      signal.addEventListener("abort", () => relay.close(new MeshError("node_lost", "The node left.")));
      for await (const frame of await outgoing.promise)
        if (!this.mute && this.muted !== relay) yield { frame };
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

/** What differs from a node of its own kind, and what its log calls those that it meets. */
type MadeOptions = Partial<NodeOptions> & {
  readonly registryName?: string;
  readonly routerNames?: readonly string[];
};

/** A node `node-1` of one fake engine, with all that it meets; `start` begins it. */
export async function makeNode({
  registryName = "the registry",
  routerNames = ["the router at r:1", "the router at r:2"],
  ...options
}: MadeOptions = {}) {
  const clock = new FakeClock();
  const registry = new FakeRegistry();
  const routers = [new FakeRouter(clock), new FakeRouter(clock)] as const;
  const engine = new FakeEngine();
  /** How long the machine has slept so far; the clock stands still meanwhile. */
  const machine = { asleepMs: 0 };
  const lines: { level?: string; msg?: string; generation_id?: string }[] = [];
  const node = createNode({
    id: "node-1",
    engines: [engine],
    registry: { transport: registry.transport, name: registryName },
    routers: routers.map(({ transport }, index) => ({ transport, name: routerNames[index]! })),
    clock,
    log: createLog({
      service: "node",
      level: "debug",
      pretty: false,
      write: (line) => lines.push(JSON.parse(line)),
    }),
    random: () => 0,
    uptimeMs: () => clock.now() + machine.asleepMs,
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
  return { clock, machine, registry, routers, engine, node, lines, start, starting, started: () => started };
}

/** A node that stands in the registry and is attached to two routers, or dialled. */
export async function startNode(options: MadeOptions = {}) {
  const made = await makeNode(options);
  void made.start();
  await settle();
  expect(made.started()).toBe("yes");
  return made;
}

/** Lets everything run that can run now: a message between services takes several turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass, with everything run before and after. */
export async function advance(clock: FakeClock, ms: number): Promise<void> {
  await settle();
  await clock.advance(ms);
  await settle();
}

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** What a transport says of a peer that is not there. */
export const away = new MeshError("node_lost", "No connection established.");
