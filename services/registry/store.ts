import type {
  ListNodesResponse,
  Node,
  WatchNodesResponse,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The kinds of stores, by the names that `--store` takes; `open-store.ts` opens them. */
export const storeNames = ["memory"] as const;
export type StoreName = (typeof storeNames)[number];

/** How long a node stays in the mesh without a word unless told otherwise, in milliseconds. */
export const defaultLeaseTtlMs = 10_000;

/**
 * Where leases are kept. Every store behaves as `store-contract.ts` says; the records it takes have been checked
 * and are never changed afterwards, by either side. Who was revoked is not its own to know: it is given `Revocations`,
 * ends the lease of a node when that is revoked, tells every watch, and takes no such node.
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
  /** All nodes with a living lease, in order of id, and the revision and epoch that this shows. */
  list(): Promise<ListNodesResponse>;
  /**
   * A snapshot, with all nodes that were ever revoked, then every change after it, until the signal aborts or the store
   * closes. Within an epoch revisions rise strictly, and that is all they do: numbers may be skipped, and those of
   * different epochs do not compare. Memory is bounded: a watch that falls too far behind throws `saturated`; its
   * reader watches again, which begins with a fresh snapshot.
   */
  watch(signal: AbortSignal): AsyncIterable<WatchNodesResponse>;
  /** Ends every watch and lets go of all timers and connections; harmless when it is closed already. */
  close(): Promise<void>;
}

/** What came of a put. */
export interface PutResult {
  /** Names the new lease; not to be guessed. */
  readonly leaseId: string;
  /** The revision that shows the node. */
  readonly revision: bigint;
}
