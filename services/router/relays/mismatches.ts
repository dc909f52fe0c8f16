import type { Log } from "../../../core/telemetry/log.ts";

/** So many nodes are remembered before they are forgotten and told anew. */
const limit = 1024;

/** Tells the operator once of each node that speaks another version of the protocol, however often it comes. */
export class Mismatches {
  readonly #log: Log;
  readonly #told = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A node cannot be used; `fault` says why, and what to update (`core/protocol.ts`). */
  add(nodeId: string, fault: string): void {
    if (this.#told.get(nodeId) === fault) return;
    if (this.#told.size >= limit) this.#told.clear();
    this.#told.set(nodeId, fault);
    this.#log.warn({ node_id: nodeId }, `node ${nodeId} gets no work. ${fault}`);
  }

  /** It can be used now. */
  delete(nodeId: string): void {
    this.#told.delete(nodeId);
  }
}
