import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Clock, Timer } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import {
  ListNodesResponseSchema,
  type Node,
  WatchNodesResponseSchema,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { History } from "./history.ts";
import type { Store } from "./store.ts";

/** How to make a memory store. */
export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly ttlMs: number;
  /** The most nodes; more are refused. */
  readonly nodeLimit?: number;
  /** How many changes a watch may fall behind before it is cut. */
  readonly historyLimit?: number;
}

interface Lease {
  readonly node: Node;
  readonly expiresAt: number;
}

/**
 * Keeps leases in this process: they are gone when it ends, which the next one's epoch tells. All leases live
 * equally long, so a map that holds them in order of renewal is in order of expiry too, and one timer is enough.
 */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  const { clock, ttlMs, nodeLimit = 10_000, historyLimit = 4096 } = options;
  const epoch = randomUUID();
  const leases = new Map<string, Lease>();
  const leaseIds = new Map<string, string>();
  const history = new History(historyLimit);
  let timer: Timer | undefined;
  let closed = false;

  const tellRemoved = (id: string) =>
    history.append((revision) =>
      create(WatchNodesResponseSchema, {
        event: { case: "change", value: { revision, change: { case: "removed", value: id } } },
      }),
    );

  const end = (leaseId: string) => {
    const lease = leases.get(leaseId);
    if (lease === undefined) return;
    leases.delete(leaseId);
    leaseIds.delete(lease.node.id);
    tellRemoved(lease.node.id);
  };

  /** Ends what has lapsed, and waits for the next lease to lapse. */
  const sweep = () => {
    timer?.cancel();
    timer = undefined;
    const now = clock.now();
    for (const [leaseId, { expiresAt }] of leases) {
      if (expiresAt > now) {
        if (!closed) timer = clock.after(expiresAt - now, sweep);
        return;
      }
      end(leaseId);
    }
  };

  const keep = (leaseId: string, node: Node) => {
    leases.delete(leaseId);
    leases.set(leaseId, { node, expiresAt: clock.now() + ttlMs });
    if (timer === undefined) sweep();
  };

  const list = () => {
    sweep();
    return create(ListNodesResponseSchema, {
      nodes: [...leases.values()].map(({ node }) => node).sort((a, b) => (a.id < b.id ? -1 : 1)),
      revision: history.latest,
      epoch,
    });
  };

  return {
    ttlMs,
    async put(node) {
      sweep();
      const former = leaseIds.get(node.id);
      if (former === undefined && leases.size >= nodeLimit)
        throw new MeshError("saturated", `The registry is full: it holds ${nodeLimit} nodes.`);
      if (former !== undefined) leases.delete(former);
      const leaseId = randomUUID();
      leaseIds.set(node.id, leaseId);
      keep(leaseId, node);
      const revision = history.append((next) =>
        create(WatchNodesResponseSchema, {
          event: { case: "change", value: { revision: next, change: { case: "upserted", value: node } } },
        }),
      );
      return { leaseId, revision };
    },
    async renew(leaseId) {
      sweep();
      const lease = leases.get(leaseId);
      if (lease === undefined) return undefined;
      keep(leaseId, lease.node);
      return lease.node.id;
    },
    async delete(leaseId) {
      sweep();
      end(leaseId);
    },
    list: async () => list(),
    async *watch(signal) {
      const { nodes, revision, epoch } = list();
      yield create(WatchNodesResponseSchema, {
        event: { case: "snapshot", value: { nodes, revision, epoch } },
      });
      yield* history.after(revision, signal);
    },
    close() {
      closed = true;
      timer?.cancel();
      history.close();
    },
  };
}
