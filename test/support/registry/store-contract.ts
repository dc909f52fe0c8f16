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
    afterEach(() => {
      leave.abort();
      store.close();
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
      await store.revoke("a");
      expect(await ids()).toEqual(["b"]);
      expect(await store.renew(leaseId)).toBeUndefined();
      await expect(store.put(node("a"))).rejects.toMatchObject({ code: "node_revoked" });
    });

    test("tells every watch of a revocation once, and those that begin later", async () => {
      await store.put(node("a"));
      const changes = watch();
      const snapshot = await read(changes);
      await store.revoke("a");
      await store.revoke("a");
      await store.revoke("never seen");
      const told = [await read(changes), await read(changes)];
      expect(told.map(({ told }) => told)).toEqual(["!a", "!never seen"]);
      expect(told.map(({ revision }) => revision - snapshot.revision)).toEqual([1n, 2n]);
      expect((await read(watch())).revoked).toEqual(["a", "never seen"]);
    });

    test("gives leases names that are never used again", async () => {
      const leases = await Promise.all(["a", "b", "a", "c"].map((id) => store.put(node(id))));
      expect(new Set(leases.map(({ leaseId }) => leaseId)).size).toBe(4);
    });

    test("tells a watch what is there, then every change, one revision at a time", async () => {
      await store.put(node("a"));
      const changes = watch();
      const snapshot = await read(changes);
      expect(snapshot.nodes).toEqual(["a"]);
      const b = await store.put(node("b"));
      await store.delete(b.leaseId);
      await harness.elapse(store.ttlMs + 1);
      const told = [await read(changes), await read(changes), await read(changes)];
      expect(told.map(({ told }) => told)).toEqual(["+b", "-b", "-a"]);
      expect(told.map(({ revision }) => revision - snapshot.revision)).toEqual([1n, 2n, 3n]);
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
      store.close();
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
      told: "",
    };
  if (event.case !== "change") throw new Error("an empty event");
  const { revision, change } = event.value;
  const told =
    change.case === "upserted"
      ? `+${change.value.id}`
      : `${change.case === "revoked" ? "!" : "-"}${change.value}`;
  return { revision, nodes: [], revoked: [], told };
}

/** The ids that a watch shows once it has shown the node `end`; fails on a gap or after too many changes. */
async function follow(watch: AsyncIterator<WatchNodesResponse>, mostChanges: number): Promise<string[]> {
  const snapshot = await read(watch);
  const seen = new Set(snapshot.nodes);
  for (let revision = snapshot.revision + 1n; !seen.has("end"); revision += 1n) {
    const change = await read(watch);
    if (change.revision !== revision || revision > snapshot.revision + BigInt(2 * mostChanges))
      throw new Error(`expected revision ${revision}, got ${change.revision}`);
    if (change.told.startsWith("+")) seen.add(change.told.slice(1));
    else seen.delete(change.told.slice(1));
  }
  return [...seen].sort();
}
