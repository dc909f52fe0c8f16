import type {
  ListNodesResponse,
  Node,
  WatchNodesResponse,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The values of `--store`. */
export const storeNames = ["memory"] as const;
export type StoreName = (typeof storeNames)[number];

/** The default for how long a lease lasts, in milliseconds. */
export const defaultLeaseTtlMs = 10_000;

/**
 * Keeps leases. `store-contract.ts` tests every store. Records are valid, and immutable for both sides. When a node is
 * revoked (`Revocations`), the store ends its lease, tells the watches, and refuses the node from then on.
 */
export interface Store {
  /** How long a lease lasts without renewal, in milliseconds. */
  readonly ttlMs: number;
  /**
   * Adds a node under a new lease. It atomically replaces a node of the same id, whose lease can then neither be renewed
   * nor deleted. Throws `saturated` when the store is full, and `unauthenticated` for a revoked node.
   */
  put(node: Node): Promise<PutResult>;
  /**
   * Renews a lease and returns its node's id; undefined when there is no such valid lease, or it is not `holder`'s, if
   * given.
   */
  renew(leaseId: string, holder?: string): Promise<string | undefined>;
  /** Ends a lease; harmless when there is none, or it is not `holder`'s. */
  delete(leaseId: string, holder?: string): Promise<void>;
  /** All nodes with a valid lease, sorted by id, with the revision and epoch of the list. */
  list(): Promise<ListNodesResponse>;
  /**
   * A snapshot, with all revoked nodes, then every change after it, until the signal aborts or the store closes. Within
   * an epoch revisions rise strictly, but may skip numbers; those of different epochs do not compare. A watch that falls
   * too far behind throws `saturated`, and its reader watches again, from a new snapshot.
   */
  watch(signal: AbortSignal): AsyncIterable<WatchNodesResponse>;
  /** Ends every watch and releases everything; harmless when already closed. */
  close(): Promise<void>;
}

/** The result of `put`. */
export interface PutResult {
  /** The new lease, which cannot be guessed. */
  readonly leaseId: string;
  /** The revision that shows the node. */
  readonly revision: bigint;
}
