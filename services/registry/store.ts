import type {
  ListNodesResponse,
  Node,
  WatchNodesResponse,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * Where leases are kept. Every store behaves as `store-contract.ts` says; the records it takes have been checked
 * and are never changed afterwards, by either side.
 */
export interface Store {
  /** How long a lease lives without being renewed, in milliseconds. */
  readonly ttlMs: number;
  /**
   * Keeps a node under a fresh lease. A node with the same id is replaced in one step, and its lease is over: who
   * held it can neither renew nor delete. Throws `saturated` when no more nodes fit, and `unauthenticated` for a
   * node that was revoked.
   */
  put(node: Node): Promise<PutResult>;
  /**
   * Gives a lease a full term again and tells whose it is; undefined when there is no such living lease. One that is
   * not `holder`'s, when a holder is given, counts as none.
   */
  renew(leaseId: string, holder?: string): Promise<string | undefined>;
  /** Ends a lease; harmless when there is no such living lease, or it is not `holder`'s. */
  delete(leaseId: string, holder?: string): Promise<void>;
  /** Ends the lease of a node and keeps it out for good; every watch is told, and so are those that begin later. */
  revoke(nodeId: string): Promise<void>;
  /** All nodes with a living lease, in order of id, and the revision and epoch that this shows. */
  list(): Promise<ListNodesResponse>;
  /**
   * A snapshot, then every change after it, each one revision above the last, until the signal aborts or the store
   * closes. Memory is bounded: a watch that falls too far behind throws `saturated`; its reader watches again.
   */
  watch(signal: AbortSignal): AsyncIterable<WatchNodesResponse>;
  /** Ends every watch and lets go of all timers. */
  close(): void;
}

/** What came of a put. */
export interface PutResult {
  /** Names the new lease; not to be guessed. */
  readonly leaseId: string;
  /** The revision that shows the node. */
  readonly revision: bigint;
}
