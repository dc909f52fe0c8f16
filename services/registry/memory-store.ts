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
import { type HeldName, type Holder, judge, nameInUse, unknownHolder } from "./name-holder.ts";
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

interface Lease extends HeldName {
  readonly node: Node;
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
    for (const [leaseId, { renewedAt }] of leases) {
      const expiresAt = renewedAt + ttlMs;
      if (expiresAt > now) {
        if (!closed) timer = clock.after(expiresAt - now, sweep);
        return;
      }
      end(leaseId);
    }
  };

  const keep = (leaseId: string, lease: Omit<Lease, "renewedAt">) => {
    leases.delete(leaseId);
    leases.set(leaseId, { ...lease, renewedAt: clock.now() });
    if (timer === undefined) sweep();
  };

  /** Throws when the name stays with the process that holds it; remembers who asked. */
  const demandName = (leaseId: string, nodeId: string, claim: Holder): HeldName => {
    const held = leases.get(leaseId)!;
    const now = clock.now();
    const verdict = judge(held, claim, now, ttlMs);
    if (verdict === "granted") return held;
    // In place, because the map is in order of renewal.
    if (held.contender?.instance !== claim.instance)
      leases.set(leaseId, { ...held, contender: { instance: claim.instance, since: now } });
    throw nameInUse(nodeId, held, verdict, ttlMs);
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
    async put(node, claim = unknownHolder) {
      sweep();
      if (revocations.has(node.id)) throw revokedFault(node.id);
      const former = leaseIds.get(node.id);
      if (former === undefined && leases.size >= nodeLimit)
        throw new MeshError("saturated", `The registry is full: it holds ${nodeLimit} nodes.`);
      const held = former === undefined ? undefined : demandName(former, node.id, claim);
      if (former !== undefined) leases.delete(former);
      const leaseId = randomUUID();
      leaseIds.set(node.id, leaseId);
      const isSame = held?.holder.instance === claim.instance;
      const { since, contender } = isSame ? held : { since: clock.wallTime(), contender: undefined };
      keep(leaseId, { node, draining: node.draining, holder: claim, since, contender });
      return { leaseId, revision: publish({ case: "upserted", value: node }) };
    },
    async renew(leaseId, holder) {
      sweep();
      const lease = find(leaseId, holder);
      if (lease === undefined) return undefined;
      keep(leaseId, lease);
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
