import { createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  demandProtocol,
  protocol as ourProtocol,
  type ProtocolRange,
  protocolCode,
} from "../../../core/protocol.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { InferenceService, type RelayResponse } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import type { Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { ClientBound, EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { Mismatches } from "./mismatches.ts";
import { openNodeRelay } from "./node-relay.ts";

/** A transport to one node, which may hold a connection. */
export type NodeTransport = Transport & { close?(): void };

/** How to dial nodes. */
export interface DiallerOptions {
  readonly dial: (address: string, nodeId: string) => NodeTransport;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly protocol?: ProtocolRange | undefined;
}

/** The longest wait before dialling a node again that speaks another protocol version, in milliseconds. */
const mismatchWaitMs = 60_000;

/** Keeps a relay to every node that has an address, and dials again when one breaks. */
export class Dialler {
  readonly #options: DiallerOptions;
  readonly #nodes = new Map<string, NodeDialler>();
  #closed = false;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** Takes the nodes of the registry. A relay to a node that left lasts for as long as the node keeps it. */
  follow(nodes: ReadonlyMap<string, Node>): void {
    // A listing may be on its way when the router closes.
    if (this.#closed) return;
    for (const [id, dialler] of this.#nodes)
      if (nodes.get(id)?.address !== dialler.address) {
        dialler.retire();
        this.#nodes.delete(id);
      }
    for (const node of nodes.values()) {
      if (node.address === "") continue;
      const dialler = this.#nodes.get(node.id);
      if (dialler !== undefined) dialler.follow(node);
      else this.#nodes.set(node.id, new NodeDialler(node, this.#options));
    }
  }

  close(): void {
    this.#closed = true;
    for (const dialler of this.#nodes.values()) dialler.retire();
    this.#nodes.clear();
  }
}

class NodeDialler {
  readonly address: string;
  readonly #options: DiallerOptions;
  readonly #retired = new AbortController();
  readonly #backoff: Backoff;
  readonly #mismatches: Mismatches;
  #node: Node;
  #wake = new AbortController();

  constructor(node: Node, options: DiallerOptions) {
    this.address = node.address;
    this.#node = node;
    this.#options = options;
    this.#mismatches = new Mismatches(options.log);
    this.#backoff = new Backoff({ firstMs: 100, limitMs: 5000, random: options.random });
    void this.#run();
  }

  /** Dials at once when the node has registered again, since it has just started or come back. */
  follow(node: Node): void {
    if (node === this.#node) return;
    this.#node = node;
    this.#backoff.reset();
    this.#wake.abort();
  }

  /** Stops after the present relay has ended. */
  retire(): void {
    this.#retired.abort();
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { clock, fleet, log, random } = this.#options;
    while (!this.#retired.signal.aborted) {
      let mismatch = false;
      // A node that has attached needs no second relay.
      if (!fleet.isConnected(this.#node.id)) {
        const reason = await this.#connect();
        log.debug({ node_id: this.#node.id, address: this.address, reason: reason.message }, "relay ended");
        mismatch = reason.code === protocolCode;
        if (mismatch) this.#mismatches.add(this.#node.id, reason.message);
      }
      if (this.#retired.signal.aborted) return;
      this.#wake = new AbortController();
      // Only an update helps, after which the node registers again: that ends the wait.
      const waitMs = mismatch ? mismatchWaitMs * (1 - random() / 2) : this.#backoff.next();
      await sleep(clock, waitMs, this.#wake.signal).catch(() => {});
    }
  }

  /** Resolves with why the relay ended. */
  async #connect(): Promise<MeshError> {
    const { dial, fleet, clock, protocol = ourProtocol } = this.#options;
    const { signal: retired } = this.#retired;
    let transport: NodeTransport | undefined;
    let giveUp = () => {};
    try {
      transport = dial(this.address, this.#node.id);
      const client = createClient(InferenceService, transport);
      const relay = openNodeRelay({
        nodeId: this.#node.id,
        exchange: (frames, signal) => fromNode(client.relay(toNode(frames, protocol), { signal }), protocol),
        fleet,
        clock,
        onReady: () => {
          this.#backoff.reset();
          this.#mismatches.delete(this.#node.id);
        },
      });
      giveUp = () => {
        if (relay.load === undefined) relay.close(new MeshError("node_lost", "The node left the mesh."));
      };
      retired.addEventListener("abort", giveUp);
      return await relay.closed;
    } catch (error) {
      return new MeshError("node_lost", `The node cannot be dialled at ${this.address}.`, { cause: error });
    } finally {
      retired.removeEventListener("abort", giveUp);
      transport?.close?.();
    }
  }
}

async function* toNode(frames: AsyncIterable<EngineBound>, protocol: ProtocolRange) {
  yield { protocol };
  for await (const frame of frames) yield { frame };
}

async function* fromNode(
  responses: AsyncIterable<Pick<RelayResponse, "frame" | "protocol">>,
  protocol: ProtocolRange,
): AsyncGenerator<ClientBound> {
  let known = false;
  for await (const response of responses) {
    if (!known) demandProtocol({ other: "node", self: "router" }, response.protocol, protocol);
    known = true;
    if (response.frame !== undefined) yield response.frame;
  }
}
