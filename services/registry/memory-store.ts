import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Timer } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import {
  ListNodesResponseSchema,
  type Node,
  type WatchNodesResponse_Change,
  WatchNodesResponseSchema,
} from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { History } from "./history.ts";
import type { StoreOptions } from "./open-store.ts";
import { noRevocations, revokedFault } from "./revocations.ts";
import { defaultLeaseTtlMs, type Store } from "./store.ts";

/** How to make a memory store. */
export interface MemoryStoreOptions extends StoreOptions {
  readonly nodeLimit?: number;
  /** How many changes a watch may fall behind. */
  readonly historyLimit?: number;
}

type ChangeOfNode = WatchNodesResponse_Change["change"];

interface Lease {
  readonly node: Node;
  readonly expiresAt: number;
}

/** A store in this process. All leases last equally long, so a map in order of renewal is also in order of expiry. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  const { clock, ttlMs = defaultLeaseTtlMs, revocations = noRevocations } = options;
  const { nodeLimit = 10_000, historyLimit = 4096 } = options;
  const epoch = randomUUID();
  const leases = new Map<string, Lease>();
  const leaseIds = new Map<string, string>();
  const history = new History(historyLimit);
  let timer: Timer | undefined;
  let closed = false;

  const publish = (change: ChangeOfNode): bigint => {
    const revision = history.latest + 1n;
    history.append(
      revision,
      create(WatchNodesResponseSchema, { event: { case: "change", value: { revision, change } } }),
    );
    return revision;
  };

  const end = (leaseId: string) => {
    const lease = leases.get(leaseId);
    if (lease === undefined) return;
    leases.delete(leaseId);
    leaseIds.delete(lease.node.id);
    publish({ case: "removed", value: lease.node.id });
  };

  /** A valid lease, of `holder` if given. */
  const find = (leaseId: string, holder = leases.get(leaseId)?.node.id): Lease | undefined => {
    const lease = leases.get(leaseId);
    return lease?.node.id === holder ? lease : undefined;
  };

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

  const ignoreRevocations = revocations.onRevoked((nodeId) => {
    const leaseId = leaseIds.get(nodeId);
    if (leaseId !== undefined) leases.delete(leaseId);
    leaseIds.delete(nodeId);
    publish({ case: "revoked", value: nodeId });
  });

  return {
    ttlMs,
    async put(node) {
      sweep();
      if (revocations.has(node.id)) throw revokedFault(node.id);
      const former = leaseIds.get(node.id);
      if (former === undefined && leases.size >= nodeLimit)
        throw new MeshError("saturated", `The registry is full: it holds ${nodeLimit} nodes.`);
      if (former !== undefined) leases.delete(former);
      const leaseId = randomUUID();
      leaseIds.set(node.id, leaseId);
      keep(leaseId, node);
      return { leaseId, revision: publish({ case: "upserted", value: node }) };
    },
    async renew(leaseId, holder) {
      sweep();
      const lease = find(leaseId, holder);
      if (lease === undefined) return undefined;
      keep(leaseId, lease.node);
      return lease.node.id;
    },
    async delete(leaseId, holder) {
      sweep();
      if (find(leaseId, holder) !== undefined) end(leaseId);
    },
    list: async () => list(),
    async *watch(signal) {
      const { nodes, revision, epoch } = list();
      yield create(WatchNodesResponseSchema, {
        event: { case: "snapshot", value: { nodes, revision, epoch, revoked: revocations.list() } },
      });
      yield* history.after(revision, signal);
    },
    async close() {
      closed = true;
      ignoreRevocations();
      timer?.cancel();
      history.close();
    },
  };
}
