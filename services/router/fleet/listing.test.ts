import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type WatchNodesResponse,
  WatchNodesResponseSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { nodeOf } from "../../../test/support/router/router.ts";
import { follow, type Listing } from "./watch-registry.ts";

const snapshot = (revision: bigint, ids: string[], epoch = "e"): WatchNodesResponse =>
  create(WatchNodesResponseSchema, {
    event: { case: "snapshot", value: { revision, epoch, nodes: ids.map((id) => nodeOf(id)) } },
  });
const upserted = (revision: bigint, id: string): WatchNodesResponse =>
  create(WatchNodesResponseSchema, {
    event: { case: "change", value: { revision, change: { case: "upserted", value: nodeOf(id) } } },
  });
const removed = (revision: bigint, id: string): WatchNodesResponse =>
  create(WatchNodesResponseSchema, {
    event: { case: "change", value: { revision, change: { case: "removed", value: id } } },
  });

const ids = (listing: Listing | undefined) => [...(listing?.nodes.keys() ?? [])].sort();

test("follows changes whose revisions rise, whatever numbers are skipped", () => {
  const events = [snapshot(4n, ["a"]), upserted(5n, "b"), removed(9n, "a"), upserted(70n, "c")];
  const listing = events.reduce<Listing | undefined>(follow, undefined);
  expect(ids(listing)).toEqual(["b", "c"]);
  expect(listing?.revision).toBe(70n);
});

test.each<[string, WatchNodesResponse]>([
  ["an older change", upserted(4n, "x")],
  ["a repetition", upserted(5n, "x")],
  ["an older snapshot of the same epoch", snapshot(4n, [])],
  ["an empty word", create(WatchNodesResponseSchema)],
])("refuses %s, and changes nothing", (_, word) => {
  const listing = follow(follow(undefined, snapshot(4n, ["a"])), upserted(5n, "b"));
  expect(() => follow(listing, word)).toThrow("The registry sent");
  expect(ids(listing)).toEqual(["a", "b"]);
});

test("refuses a change before any snapshot", () => {
  expect(() => follow(undefined, upserted(1n, "a"))).toThrow("a change before the snapshot");
});

test("takes a snapshot of another epoch whatever its revision: the registry lost its memory", () => {
  const listing = follow(follow(undefined, snapshot(9n, ["a"])), snapshot(1n, ["b"], "another"));
  expect(ids(listing)).toEqual(["b"]);
});

test("remembers who was thrown out, from the snapshot and since", () => {
  const first = create(WatchNodesResponseSchema, {
    event: { case: "snapshot", value: { revision: 1n, epoch: "e", nodes: [nodeOf("a")], revoked: ["x"] } },
  });
  const change = create(WatchNodesResponseSchema, {
    event: { case: "change", value: { revision: 2n, change: { case: "revoked", value: "a" } } },
  });
  const listing = [first, change, upserted(3n, "b")].reduce<Listing | undefined>(follow, undefined);
  expect(ids(listing)).toEqual(["b"]);
  expect([...(listing?.revoked ?? [])]).toEqual(["x", "a"]);
});

test("never changes a listing that it gave out", () => {
  const before = follow(undefined, snapshot(1n, ["a"]));
  follow(before, upserted(2n, "b"));
  follow(before, removed(2n, "a"));
  expect(ids(before)).toEqual(["a"]);
});

test("ends where the registry is, whatever the changes", () => {
  const change = fc.record({ id: fc.constantFrom("a", "b", "c"), there: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 50 }), (changes) => {
      const truth = new Set<string>();
      let listing = follow(undefined, snapshot(0n, []));
      changes.forEach(({ id, there }, index) => {
        const revision = BigInt(index + 1);
        if (there) truth.add(id);
        else truth.delete(id);
        listing = follow(listing, there ? upserted(revision, id) : removed(revision, id));
      });
      expect(ids(listing)).toEqual([...truth].sort());
    }),
  );
});
