import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { ProtocolRange } from "../../../core/protocol.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { Channel } from "../../../core/streams/channel.ts";
import {
  InferenceService,
  type RelayRequest,
  type RelayResponseSchema,
} from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  type Node,
  RegistryService,
  type WatchNodesResponse,
  WatchNodesResponseSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { LoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { NodeTransport } from "../../../services/router/relays/dialler.ts";

/** A registry that the test plays: who is there, which lease is whose, and whether it answers at all. */
export class FakeRegistry {
  /** Lease ids and the nodes that hold them. */
  readonly leases = new Map<string, string>();
  /** Watches that have begun. */
  watches = 0;
  epoch = "e1";
  /** Whether watches begin with a snapshot, as they must. */
  snapshots = true;
  /** Called in the middle of each renewal. */
  whenRenewed: () => void = () => {};
  #nodes = new Map<string, Node>();
  #revision = 0n;
  #down = false;
  readonly #open = new Set<Channel<WatchNodesResponse>>();

  readonly transport: Transport = createInProcessTransport([
    register(RegistryService, {
      describeRegistry: () => ({}),
      registerNode: () => {
        throw new Error("not played");
      },
      deregisterNode: () => ({}),
      listNodes: () => ({ nodes: [...this.#nodes.values()] }),
      renewLease: ({ leaseId }) => {
        this.#answerOrFail();
        const nodeId = this.leases.get(leaseId);
        if (nodeId === undefined) throw new MeshError("invalid_request", "Lapsed.", { code: "lease_lapsed" });
        this.whenRenewed();
        return { nodeId, ttlMs: 10_000 };
      },
      watchNodes: (_request, { signal }) => this.#watch(signal),
    }),
  ]);

  put(...nodes: Node[]): void {
    for (const node of nodes) {
      this.#nodes.set(node.id, node);
      this.#tell({ case: "upserted", value: node });
    }
  }

  remove(id: string): void {
    this.#nodes.delete(id);
    this.#tell({ case: "removed", value: id });
  }

  /** Skips revisions, as a registry may; goes back by some, as one with a fault would. */
  shiftRevision(by: bigint): void {
    this.#revision += by;
  }

  /** Goes away: watches break, and nothing is answered. */
  goDown(): void {
    this.#down = true;
    for (const channel of this.#open) channel.fail(new MeshError("node_lost", "The registry is down."));
    this.#open.clear();
  }

  /** Comes back, with another memory if told so. */
  comeBack({ forgetful = false } = {}): void {
    this.#down = false;
    if (!forgetful) return;
    this.#nodes = new Map();
    this.#revision = 0n;
    this.epoch = `${this.epoch}'`;
  }

  #answerOrFail(): void {
    if (this.#down) throw new MeshError("node_lost", "The registry is down.");
  }

  async *#watch(signal: AbortSignal): AsyncGenerator<WatchNodesResponse> {
    this.#answerOrFail();
    this.watches += 1;
    const channel = new Channel<WatchNodesResponse>({
      capacity: 1000,
      onLeave: () => this.#open.delete(channel),
    });
    signal.addEventListener("abort", () => channel.fail(signal.reason), { once: true });
    this.#open.add(channel);
    if (this.snapshots)
      yield create(WatchNodesResponseSchema, {
        event: {
          case: "snapshot",
          value: { nodes: [...this.#nodes.values()], revision: this.#revision, epoch: this.epoch },
        },
      });
    yield* channel;
  }

  #tell(change: { case: "upserted"; value: Node } | { case: "removed"; value: string }): void {
    this.#revision += 1n;
    const response = create(WatchNodesResponseSchema, {
      event: { case: "change", value: { revision: this.#revision, change } },
    });
    for (const channel of this.#open) channel.push(response);
  }
}

/** Nodes that answer at their addresses; an address without one refuses. */
export class FakeNodes {
  /** How often each address was dialled. */
  readonly dialled = new Map<string, number>();
  /** What they say that they speak; undefined for nothing. */
  protocol: ProtocolRange | undefined;
  /** What routers last said that they speak. */
  routerProtocol: ProtocolRange | undefined;
  /** Transports that were given out and not closed. */
  open = 0;
  readonly #clock: Clock;
  readonly #generates = new Map<string, Generate>();
  readonly #relays = new Map<string, Set<AbortController>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A node answers at an address from now on. */
  start(address: string, generate: Generate): void {
    this.#generates.set(address, generate);
  }

  /** It no longer does, and its relays break. */
  stop(address: string): void {
    this.#generates.delete(address);
    for (const relay of this.#relays.get(address) ?? [])
      relay.abort(new MeshError("node_lost", "The connection was reset."));
    this.#relays.delete(address);
  }

  readonly dial = (address: string): NodeTransport => {
    this.dialled.set(address, (this.dialled.get(address) ?? 0) + 1);
    this.open += 1;
    const transport = createInProcessTransport([
      register(InferenceService, {
        // biome-ignore lint/correctness/useYield: these nodes are reached by relay alone
        async *generate() {
          throw new Error("not played");
        },
        relay: (requests, { signal }) => this.#relay(address, requests, signal),
      }),
    ]);
    const close = () => {
      this.open -= 1;
    };
    return { ...transport, close };
  };

  async *#relay(
    address: string,
    requests: AsyncIterable<RelayRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<MessageInitShape<typeof RelayResponseSchema>> {
    const generate = this.#generates.get(address);
    if (generate === undefined) throw new MeshError("node_lost", "Connection refused.");
    const life = new AbortController();
    signal.addEventListener("abort", () => life.abort(signal.reason), { once: true });
    const relays = this.#relays.get(address) ?? new Set();
    this.#relays.set(address, relays.add(life));
    const load = { current: () => create(LoadSchema), subscribe: () => () => {} };
    if (this.protocol !== undefined) yield { protocol: this.protocol };
    const frames = this.#toFrames(requests);
    for await (const frame of serveRelay({ generate, frames, signal: life.signal, clock: this.#clock, load }))
      yield { frame };
    life.signal.throwIfAborted();
  }

  async *#toFrames(requests: AsyncIterable<RelayRequest>) {
    for await (const { frame, protocol } of requests) {
      this.routerProtocol = protocol ?? this.routerProtocol;
      if (frame !== undefined) yield frame;
    }
  }
}
