import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import type { Log } from "../../../core/telemetry/log.ts";

/** Every open relay, also those that only finish their generations, so that revoking a node closes all of its own. */
export class NodeRelays {
  readonly #log: Log;
  readonly #nodeIds = new Map<RelayClient, string>();
  #revoked: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  isRevoked(nodeId: string): boolean {
    return this.#revoked.has(nodeId);
  }

  /** Adds an open relay; one to a revoked node is closed instead, and false returned. */
  add(nodeId: string, relay: RelayClient): boolean {
    if (this.isRevoked(nodeId)) {
      relay.close(removed(nodeId));
      return false;
    }
    this.#nodeIds.set(relay, nodeId);
    void relay.closed.then(() => this.#nodeIds.delete(relay));
    return true;
  }

  /** Closes the relays of nodes that are newly revoked; their generations fail over. */
  revoke(revoked: ReadonlySet<string>): void {
    const former = this.#revoked;
    this.#revoked = revoked;
    for (const [relay, nodeId] of [...this.#nodeIds]) {
      if (!revoked.has(nodeId) || former.has(nodeId)) continue;
      this.#log.warn({ node_id: nodeId }, "node revoked; relay closed");
      relay.close(removed(nodeId));
    }
  }
}

const removed = (nodeId: string): MeshError =>
  new MeshError("node_lost", `Node \`${nodeId}\` was removed from the mesh.`);
