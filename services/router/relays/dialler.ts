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

/** A way to a node that may hold a connection. */
export type NodeTransport = Transport & { close?(): void };

/** What the dialler needs. */
export interface DiallerOptions {
  readonly dial: (address: string, nodeId: string) => NodeTransport;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** What this router speaks; default: what this program does. */
  readonly protocol?: ProtocolRange | undefined;
}

/** What is waited between attempts at a node that speaks another version of the protocol, in milliseconds. */
const mismatchWaitMs = 60_000;

/** Keeps a relay to every node that gave an address, and dials again when one breaks. */
export class Dialler {
  readonly #options: DiallerOptions;
  readonly #lines = new Map<string, Line>();

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** Takes the nodes that are there now. A relay to a node that left goes on for as long as the node keeps it. */
  follow(nodes: ReadonlyMap<string, Node>): void {
    for (const [id, line] of this.#lines)
      if (nodes.get(id)?.address !== line.address) {
        line.retire();
        this.#lines.delete(id);
      }
    for (const node of nodes.values()) {
      if (node.address === "") continue;
      const line = this.#lines.get(node.id);
      if (line !== undefined) line.follow(node);
      else this.#lines.set(node.id, new Line(node, this.#options));
    }
  }

  /** Stops dialling. Relays that stand are the fleet's to close. */
  close(): void {
    for (const line of this.#lines.values()) line.retire();
    this.#lines.clear();
  }
}

/** The way to one node at one address. */
class Line {
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

  /** Dials at once when the node has registered anew, for it has just begun or come back. */
  follow(node: Node): void {
    if (node === this.#node) return;
    this.#node = node;
    this.#backoff.reset();
    this.#wake.abort();
  }

  /** Ends once the present relay has. */
  retire(): void {
    this.#retired.abort();
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { clock, fleet, log, random } = this.#options;
    while (!this.#retired.signal.aborted) {
      let mismatch = false;
      // A node that has attached although it gave an address needs no second relay.
      if (!fleet.isConnected(this.#node.id)) {
        const reason = await this.#ride();
        log.debug({ node_id: this.#node.id, address: this.address, reason: reason.message }, "relay ended");
        mismatch = reason.code === protocolCode;
        if (mismatch) this.#mismatches.add(this.#node.id, reason.message);
      }
      if (this.#retired.signal.aborted) return;
      this.#wake = new AbortController();
      // Only an update helps, and after it the node registers anew, which ends the wait.
      const waitMs = mismatch ? mismatchWaitMs * (1 - random() / 2) : this.#backoff.next();
      await sleep(clock, waitMs, this.#wake.signal).catch(() => {});
    }
  }

  /** Opens one relay and tells why it ended. */
  async #ride(): Promise<MeshError> {
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

/** The frames of a node that speaks a version which this router does. */
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
