import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeSchema } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { describeStore } from "../../test/support/registry/store-contract.ts";
import { createLedgerStore } from "./identities/ledger-store.ts";
import { createMemoryStore } from "./memory-store.ts";

describeStore("the memory store", async () => {
  const clock = new FakeClock();
  const { revoke, revocations } = createLedgerStore({ clock });
  return { store: createMemoryStore({ clock, revocations }), elapse: (ms) => clock.advance(ms), revoke };
});

const node = (id: string) => create(NodeSchema, { id });

test("needs one timer, however many leases it holds, and none when it holds none", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock, ttlMs: 1000 });
  for (let index = 0; index < 50; index++) {
    await store.put(node(`n${index}`));
    await clock.advance(10);
  }
  expect(clock.pending).toBe(1);
  await clock.advance(1000);
  expect((await store.list()).nodes).toEqual([]);
  expect(clock.pending).toBe(0);
});

test("cuts a watch that falls further behind than the history reaches, and keeps one that does not", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock, ttlMs: 1000, historyLimit: 3 });
  const { signal } = new AbortController();
  const slow = store.watch(signal)[Symbol.asyncIterator]();
  const keen = store.watch(signal)[Symbol.asyncIterator]();
  await slow.next();
  await keen.next();
  for (const id of ["a", "b", "c"]) await store.put(node(id));
  await keen.next();
  await store.put(node("d"));
  await expect(slow.next()).rejects.toMatchObject({ kind: "saturated" });
  const rest = [await keen.next(), await keen.next(), await keen.next()];
  expect(rest.map(({ value }) => value.event.value.revision)).toEqual([2n, 3n, 4n]);
  await store.close();
});

test("refuses more nodes than its limit, but replaces the ones it has", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock, ttlMs: 1000, nodeLimit: 2 });
  await store.put(node("a"));
  await store.put(node("b"));
  await expect(store.put(node("c"))).rejects.toMatchObject({ kind: "saturated" });
  await store.put(node("b"));
  await clock.advance(1001);
  await store.put(node("c"));
  await store.close();
});

test("has an epoch of its own in each life", async () => {
  const clock = new FakeClock();
  const [first, second] = [createMemoryStore({ clock, ttlMs: 1 }), createMemoryStore({ clock, ttlMs: 1 })];
  expect((await first.list()).epoch).not.toBe((await second.list()).epoch);
});
