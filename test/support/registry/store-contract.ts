import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Node,
  NodeSchema,
  type WatchNodesResponse,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Store } from "../../../services/registry/store.ts";

/** A store under test and its time. */
export interface StoreHarness {
  readonly store: Store;
  /** Lets so much of the store's time pass: a fake clock moves, a real store waits. */
  elapse(ms: number): Promise<void>;
  /** Revokes a node at the owner of the revocations that the store was opened with. */
  revoke(nodeId: string): Promise<void>;
}

/** What every store must do. Each test opens a fresh, empty store. */
export function describeStore(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    let store: Store;
    let leave: AbortController;
    beforeEach(async () => {
      harness = await open();
      store = harness.store;
      leave = new AbortController();
    });
    afterEach(async () => {
      leave.abort();
      await store.close();
    });

    const ids = async () => (await store.list()).nodes.map(({ id }) => id);
    const watch = () => store.watch(leave.signal)[Symbol.asyncIterator]();

    test("begins empty", async () => {
      expect(await ids()).toEqual([]);
    });

    test("lists nodes in order of id, with the revision that shows them", async () => {
      await store.put(node("b"));
      const { revision } = await store.put(node("a"));
      const listed = await store.list();
      expect(listed.nodes.map(({ id }) => id)).toEqual(["a", "b"]);
      expect(listed.revision).toBe(revision);
    });

    test("lets a lease lapse when nobody renews it", async () => {
      const { leaseId } = await store.put(node("a"));
      await harness.elapse(store.ttlMs + 1);
      expect(await ids()).toEqual([]);
      expect(await store.renew(leaseId)).toBeUndefined();
    });

    test("keeps a lease for a full term after each renewal", async () => {
      const { leaseId } = await store.put(node("a"));
      for (let round = 0; round < 3; round++) {
        await harness.elapse(store.ttlMs * 0.75);
        expect(await store.renew(leaseId)).toBe("a");
      }
      await harness.elapse(store.ttlMs * 0.75);
      expect(await ids()).toEqual(["a"]);
      await harness.elapse(store.ttlMs * 0.5);
      expect(await ids()).toEqual([]);
    });

    test("lets the leases lapse that were not renewed, and no other", async () => {
      const first = await store.put(node("a"));
      await harness.elapse(store.ttlMs * 0.5);
      await store.put(node("b"));
      await store.put(node("c"));
      await store.renew(first.leaseId);
      const last = await store.put(node("d"));
      await harness.elapse(store.ttlMs * 0.75);
      await store.renew(last.leaseId);
      await harness.elapse(store.ttlMs * 0.5);
      expect(await ids()).toEqual(["d"]);
    });

    test("lets a lease lapse on time although an older one was renewed", async () => {
      const older = await store.put(node("older"));
      await store.put(node("newer"));
      await harness.elapse(store.ttlMs * 0.5);
      await store.renew(older.leaseId);
      await harness.elapse(store.ttlMs * 0.75);
      expect(await ids()).toEqual(["older"]);
    });

    test("replaces a node with the same id and fences its former lease", async () => {
      const former = await store.put(node("a", "1"));
      const present = await store.put(node("a", "2"));
      expect((await store.list()).nodes.map(({ version }) => version)).toEqual(["2"]);
      expect(await store.renew(former.leaseId)).toBeUndefined();
      await store.delete(former.leaseId);
      expect(await ids()).toEqual(["a"]);
      expect(await store.renew(present.leaseId)).toBe("a");
    });

    test("ends a lease at once when told to, and takes a second telling", async () => {
      const { leaseId } = await store.put(node("a"));
      await store.delete(leaseId);
      await store.delete(leaseId);
      expect(await ids()).toEqual([]);
    });

    test("lets a holder renew and delete only its own lease", async () => {
      const { leaseId } = await store.put(node("a"));
      expect(await store.renew(leaseId, "b")).toBeUndefined();
      await store.delete(leaseId, "b");
      expect(await store.renew(leaseId, "a")).toBe("a");
      await store.delete(leaseId, "a");
      expect(await ids()).toEqual([]);
    });

    test("does not let another holder prolong a lease by trying", async () => {
      const { leaseId } = await store.put(node("a"));
      await harness.elapse(store.ttlMs * 0.75);
      await store.renew(leaseId, "b");
      await harness.elapse(store.ttlMs * 0.5);
      expect(await ids()).toEqual([]);
    });

    test("ends the lease of a node that is revoked, and keeps it out", async () => {
      const { leaseId } = await store.put(node("a"));
      await store.put(node("b"));
      await harness.revoke("a");
      expect(await ids()).toEqual(["b"]);
      expect(await store.renew(leaseId)).toBeUndefined();
      await expect(store.put(node("a"))).rejects.toMatchObject({ code: "node_revoked" });
    });

    test("tells every watch of a revocation once, and those that begin later", async () => {
      await store.put(node("a"));
      const changes = watch();
      const snapshot = await read(changes);
      await harness.revoke("a");
      await harness.revoke("a");
      await harness.revoke("never seen");
      const told = [await read(changes), await read(changes)];
      expect(told.map(({ told }) => told)).toEqual(["!a", "!never seen"]);
      expectRising([snapshot, ...told]);
      expect((await read(watch())).revoked).toEqual(["a", "never seen"]);
    });

    test("gives leases names that are never used again", async () => {
      const leases = await Promise.all(["a", "b", "a", "c"].map((id) => store.put(node(id))));
      expect(new Set(leases.map(({ leaseId }) => leaseId)).size).toBe(4);
    });

    test("tells a watch what is there, then every change, in revisions that rise", async () => {
      await store.put(node("a"));
      const changes = watch();
      const snapshot = await read(changes);
      expect(snapshot.nodes).toEqual(["a"]);
      const b = await store.put(node("b"));
      await store.delete(b.leaseId);
      await harness.elapse(store.ttlMs + 1);
      const told = [await read(changes), await read(changes), await read(changes)];
      expect(told.map(({ told }) => told)).toEqual(["+b", "-b", "-a"]);
      expectRising([snapshot, ...told]);
    });

    test("tells a watch of a lapse without being asked anything else", async () => {
      const changes = watch();
      await read(changes);
      await store.put(node("a"));
      await read(changes);
      const next = read(changes);
      await harness.elapse(store.ttlMs + 1);
      expect((await next).told).toBe("-a");
    });

    test("loses nothing between snapshot and changes, whenever a watch begins", async () => {
      const writes = Array.from({ length: 40 }, (_, index) => index);
      const watches: Promise<string[]>[] = [];
      for (const index of writes) {
        if (index % 4 === 0) watches.push(follow(watch(), 40));
        const { leaseId } = await store.put(node(`n${index % 7}`, String(index)));
        if (index % 5 === 4) await store.delete(leaseId);
      }
      await store.put(node("end"));
      const expected = await ids();
      for (const seen of await Promise.all(watches)) expect(seen).toEqual(expected);
    });

    test("gives every watch the same revision for a change, and the writer of a node too", async () => {
      const [one, other] = [watch(), watch()];
      await read(one);
      await read(other);
      const { revision } = await store.put(node("a"));
      expect([(await read(one)).revision, (await read(other)).revision]).toEqual([revision, revision]);
    });

    test("begins a watch that comes again with what is there by then, under the epoch of the listing", async () => {
      const former = watch();
      const seen = await read(former);
      await store.put(node("a"));
      await former.return?.();
      const fresh = await read(watch());
      expect(fresh.nodes).toEqual(["a"]);
      expectRising([seen, fresh]);
      expect(fresh.epoch).toBe((await store.list()).epoch);
      expect(fresh.epoch).toBe(seen.epoch);
    });

    test("wakes a watch that waits when its reader leaves", async () => {
      const changes = watch();
      await read(changes);
      const waiting = changes.next();
      leave.abort(new Error("the reader left"));
      await expect(waiting).rejects.toThrow("the reader left");
    });

    test("holds on to its reader's signal only while it waits", async () => {
      const changes = watch();
      await read(changes);
      for (let round = 0; round < 20; round++) {
        const next = read(changes);
        await store.put(node("a", String(round)));
        await next;
      }
      expect(getEventListeners(leave.signal, "abort").length).toBeLessThanOrEqual(1);
    });

    test("ends its watches when it closes", async () => {
      const changes = watch();
      await read(changes);
      const waiting = changes.next();
      await store.close();
      await store.close();
      expect((await waiting).done).toBe(true);
    });
  });
}

const node = (id: string, version = "1"): Node => create(NodeSchema, { id, version });

interface Told {
  readonly revision: bigint;
  /** Of a snapshot. */
  readonly nodes: string[];
  readonly revoked: string[];
  readonly epoch: string;
  /** Of a change: `+id`, `-id` or, when it was revoked, `!id`. */
  readonly told: string;
}

async function read(watch: AsyncIterator<WatchNodesResponse>): Promise<Told> {
  const { value, done } = await watch.next();
  if (done === true) throw new Error("the watch has ended");
  const { event } = value as WatchNodesResponse;
  if (event.case === "snapshot")
    return {
      revision: event.value.revision,
      nodes: event.value.nodes.map(({ id }) => id),
      revoked: event.value.revoked,
      epoch: event.value.epoch,
      told: "",
    };
  if (event.case !== "change") throw new Error("an empty event");
  const { revision, change } = event.value;
  const told =
    change.case === "upserted"
      ? `+${change.value.id}`
      : `${change.case === "revoked" ? "!" : "-"}${change.value}`;
  return { revision, nodes: [], revoked: [], epoch: "", told };
}

/** Within an epoch a store may skip revisions, but never repeats one or goes back. */
function expectRising(told: readonly Told[]): void {
  for (const [index, { revision }] of told.entries())
    if (index > 0) expect(revision).toBeGreaterThan(told[index - 1]!.revision);
}

/** The ids that a watch shows once it has shown the node `end`; fails when revisions do not rise or too much comes. */
async function follow(watch: AsyncIterator<WatchNodesResponse>, mostChanges: number): Promise<string[]> {
  let last = await read(watch);
  const seen = new Set(last.nodes);
  for (let changes = 0; !seen.has("end"); changes++) {
    const change = await read(watch);
    expectRising([last, change]);
    if (changes > 2 * mostChanges) throw new Error(`${changes} changes have come, and not the last`);
    if (change.told.startsWith("+")) seen.add(change.told.slice(1));
    else seen.delete(change.told.slice(1));
    last = change;
  }
  return [...seen].sort();
}
