import type { Log } from "../../../core/telemetry/log.ts";

/** The most nodes that are remembered; beyond, all are forgotten and logged again. */
const nodeLimit = 1024;

/** Logs each node that speaks another protocol version once, however often it connects. */
export class Mismatches {
  readonly #log: Log;
  readonly #logged = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs a node that cannot be used; `fault` says why, and what to update (`core/protocol.ts`). */
  add(nodeId: string, fault: string): void {
    if (this.#logged.get(nodeId) === fault) return;
    if (this.#logged.size >= nodeLimit) this.#logged.clear();
    this.#logged.set(nodeId, fault);
    this.#log.warn({ node_id: nodeId }, `node ${nodeId} gets no work. ${fault}`);
  }

  delete(nodeId: string): void {
    this.#logged.delete(nodeId);
  }
}
