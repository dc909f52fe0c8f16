import type {
  ListNodesResponse,
  Node,
  WatchNodesResponse,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Holder } from "./name-holder.ts";

/** The values of `--store`. */
export const storeNames = ["memory"] as const;
export type StoreName = (typeof storeNames)[number];

/** The default for how long a lease lasts, in milliseconds. */
export const defaultLeaseTtlMs = 10_000;

/**
 * Keeps leases; `store-contract.ts` tests every store. Records are immutable for both sides. Revoking a node ends its
 * lease, is reported to the watches, and has the node refused from then on.
 */
export interface Store {
  /** How long a lease lasts without renewal, in milliseconds. */
  readonly ttlMs: number;
  /**
   * Adds a node under a new lease, in place of any of the same id, whose lease ends. Throws `saturated` when the store
   * is full, `unauthenticated` for a revoked node, and code `name_in_use` where `name-holder.ts` keeps the name for
   * another process.
   */
  put(node: Node, claim?: Holder): Promise<PutResult>;
  /** Renews a lease; returns its node's id, or undefined when it is not valid or not `holder`'s. */
  renew(leaseId: string, holder?: string): Promise<string | undefined>;
  /** Ends a lease; harmless when there is none, or it is not `holder`'s. */
  delete(leaseId: string, holder?: string): Promise<void>;
  /** All nodes with a valid lease, sorted by id. */
  list(): Promise<ListNodesResponse>;
  /**
   * A snapshot with all revoked nodes, then every change, until the signal aborts or the store closes. Revisions rise
   * strictly within an epoch, and may skip numbers. A watch that falls too far behind throws `saturated`.
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
