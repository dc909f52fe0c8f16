import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import type { StoreLimits } from "../../config.ts";
import { MemoryResponseStore } from "./memory-store.ts";
import { conversationOf, type StoredResponse } from "./response-store.ts";

const wide: StoreLimits = { responses: 100, bytes: 1_000_000, ageMs: 1000 };

function storeWith(limits: Partial<StoreLimits> = {}) {
  const clock = new FakeClock();
  return { clock, store: new MemoryResponseStore(clock, { ...wide, ...limits }) };
}

const stored = (id: string, more: Partial<StoredResponse> & { says?: string } = {}): StoredResponse => ({
  id,
  userId: "ada",
  response: Buffer.from(JSON.stringify({ id, output: [{ id: `out_${id}`, says: more.says ?? "" }] })),
  input: Buffer.from(JSON.stringify([{ id: `in_${id}` }])),
  itemIds: [`in_${id}`, `out_${id}`],
  previousId: undefined,
  ...more,
});

const idOf = async (found: Promise<StoredResponse | undefined>) => (await found)?.id;

describe("a response", () => {
  test("is found by its owner alone, by its id and by those of its items", async () => {
    const { store } = storeWith();
    await store.put(stored("r1"), []);
    expect(await idOf(store.get("ada", "r1"))).toBe("r1");
    expect(await idOf(store.findByItem("ada", "out_r1"))).toBe("r1");
    expect(await store.get("bob", "r1")).toBeUndefined();
    expect(await store.findByItem("bob", "out_r1")).toBeUndefined();
    expect(await store.delete("bob", "r1")).toBe(false);
    expect(await idOf(store.get("ada", "r1"))).toBe("r1");
  });

  test("is not hidden by another user's item of the same id", async () => {
    const { store } = storeWith();
    await store.put(stored("r1"), []);
    await store.put(stored("r2", { userId: "bob", itemIds: ["out_r1"] }), []);
    expect(await idOf(store.findByItem("ada", "out_r1"))).toBe("r1");
  });

  test("is gone when it is deleted, and takes its bytes with it", async () => {
    const { store } = storeWith();
    await store.put(stored("r1"), []);
    expect(await store.delete("ada", "r1")).toBe(true);
    expect(await store.delete("ada", "r1")).toBe(false);
    expect(await store.findByItem("ada", "in_r1")).toBeUndefined();
    expect(store.bytes).toBe(0);
  });

  test("is gone when it is too old", async () => {
    const { clock, store } = storeWith({ ageMs: 1000 });
    await store.put(stored("r1"), []);
    await clock.advance(999);
    expect(await idOf(store.get("ada", "r1"))).toBe("r1");
    await clock.advance(1);
    expect(await store.get("ada", "r1")).toBeUndefined();
    expect(store.bytes).toBe(0);
  });
});

describe("too many responses", () => {
  test("drive out the oldest", async () => {
    const { store } = storeWith({ responses: 2 });
    for (const id of ["r1", "r2", "r3"]) await store.put(stored(id), []);
    expect(await store.get("ada", "r1")).toBeUndefined();
    expect(await idOf(store.get("ada", "r2"))).toBe("r2");
    expect(await idOf(store.get("ada", "r3"))).toBe("r3");
  });

  test("of one owner evict that owner's, and no one else's", async () => {
    const { store } = storeWith({ responses: 4 });
    for (const id of ["b1", "b2"]) await store.put(stored(id, { userId: "bob" }), []);
    for (let index = 0; index < 20; index++) await store.put(stored(`a${index}`), []);
    expect(await idOf(store.get("bob", "b1"))).toBe("b1");
    expect(await idOf(store.get("bob", "b2"))).toBe("b2");
    expect(await idOf(store.get("ada", "a18"))).toBe("a18");
    expect(await store.get("ada", "a17")).toBeUndefined();
  });

  test("make room for an owner who comes later and has fewer", async () => {
    const { store } = storeWith({ responses: 4 });
    for (let index = 0; index < 4; index++) await store.put(stored(`a${index}`), []);
    for (const id of ["b1", "b2"]) await store.put(stored(id, { userId: "bob" }), []);
    expect(await store.get("ada", "a0")).toBeUndefined();
    expect(await store.get("ada", "a1")).toBeUndefined();
    expect(await idOf(store.get("ada", "a2"))).toBe("a2");
    expect(await idOf(store.get("bob", "b1"))).toBe("b1");
  });

  test("of large ones evict from the owner with the most bytes, not the most responses", async () => {
    const { store } = storeWith({ bytes: 30_000 });
    for (let index = 0; index < 6; index++) await store.put(stored(`b${index}`, { userId: "bob" }), []);
    for (let index = 0; index < 9; index++)
      await store.put(stored(`a${index}`, { input: Buffer.alloc(5000) }), []);
    expect(store.bytes).toBeLessThanOrEqual(30_000);
    expect(await idOf(store.get("bob", "b0"))).toBe("b0");
    expect(await idOf(store.get("ada", "a8"))).toBe("a8");
    expect(await store.get("ada", "a0")).toBeUndefined();
  });

  test("are none where none are to be kept", async () => {
    const { store } = storeWith({ responses: 0 });
    await store.put(stored("r1"), []);
    expect(await store.get("ada", "r1")).toBeUndefined();
    expect(store.bytes).toBe(0);
  });

  test("are also those that take too many bytes", async () => {
    const { store } = storeWith({ bytes: 10_000 });
    for (const id of ["r1", "r2", "r3"]) await store.put(stored(id, { input: Buffer.alloc(3000) }), []);
    expect(store.bytes).toBeLessThanOrEqual(10_000);
    expect(await store.get("ada", "r1")).toBeUndefined();
    expect(await idOf(store.get("ada", "r3"))).toBe("r3");
  });

  test("do not include one that is too large by itself: it is not kept, and the others stay", async () => {
    const { store } = storeWith({ bytes: 10_000 });
    await store.put(stored("r1"), []);
    await store.put(stored("r2", { input: Buffer.alloc(20_000) }), []);
    expect(await idOf(store.get("ada", "r1"))).toBe("r1");
    expect(await store.get("ada", "r2")).toBeUndefined();
  });
});

describe("a conversation", () => {
  test("outlives the entries of its beginning, whose bytes count until it ends", async () => {
    const { store } = storeWith();
    const first = stored("r1");
    await store.put(first, []);
    await store.put(stored("r2", { previousId: "r1" }), [first]);
    const both = store.bytes;
    await store.delete("ada", "r1");
    expect(store.bytes).toBe(both);
    const turns = (await store.turns("ada", "r2"))!;
    expect((await conversationOf(turns)).map(({ id }) => id)).toEqual(["in_r1", "out_r1", "in_r2", "out_r2"]);
    await store.delete("ada", "r2");
    expect(store.bytes).toBe(0);
  });

  test("that branches shares its beginning", async () => {
    const { store } = storeWith();
    const first = stored("r1");
    await store.put(first, []);
    const one = store.bytes;
    await store.put(stored("r2", { previousId: "r1" }), [first]);
    await store.put(stored("r3", { previousId: "r1" }), [first]);
    expect(store.bytes).toBe(3 * one);
    for (const id of ["r1", "r2"]) await store.delete("ada", id);
    expect(store.bytes).toBe(2 * one);
    await store.delete("ada", "r3");
    expect(store.bytes).toBe(0);
  });

  test("can be continued from a response that was dropped in the meantime", async () => {
    const { store } = storeWith();
    const first = stored("r1");
    await store.put(first, []);
    await store.delete("ada", "r1");
    await store.put(stored("r2", { previousId: "r1" }), [first]);
    expect(store.bytes).toBeGreaterThan(0);
    await store.delete("ada", "r2");
    expect(store.bytes).toBe(0);
  });

  test("is found by its last response alone, and only by its owner", async () => {
    const { store } = storeWith();
    const first = stored("r1");
    await store.put(first, []);
    await store.put(stored("r2", { previousId: "r1" }), [first]);
    await store.delete("ada", "r1");
    expect(await store.turns("ada", "r1")).toBeUndefined();
    expect(await store.turns("bob", "r2")).toBeUndefined();
    expect((await store.turns("ada", "r2"))!.map(({ id }) => id)).toEqual(["r1", "r2"]);
  });

  test.each<[string, Partial<StoreLimits>, (clock: FakeClock) => Promise<void>]>([
    ["evicted for want of room", { responses: 1 }, async () => {}],
    ["dropped for its age", { ageMs: 1000 }, (clock) => clock.advance(500)],
  ])("goes on whole when its beginning was %s", async (_, limits, pass) => {
    const { clock, store } = storeWith(limits);
    await store.put(stored("r1"), []);
    await pass(clock);
    await store.put(stored("r2", { previousId: "r1" }), (await store.turns("ada", "r1"))!);
    await pass(clock);
    expect(await store.get("ada", "r1")).toBeUndefined();
    const turns = (await store.turns("ada", "r2"))!;
    expect(turns.map(({ id }) => id)).toEqual(["r1", "r2"]);
    await store.put(stored("r3", { previousId: "r2" }), turns);
    expect((await store.turns("ada", "r3"))!.map(({ id }) => id)).toEqual(["r1", "r2", "r3"]);
  });

  test("may be very long", async () => {
    const { store } = storeWith({ responses: 10, bytes: 1_000_000_000 });
    let turns: readonly StoredResponse[] = [];
    for (let index = 0; index < 20_000; index++) {
      const next = stored(`r${index}`, { previousId: turns.at(-1)?.id });
      await store.put(next, turns);
      turns = index % 1000 === 999 ? (await store.turns("ada", next.id))! : [...turns.slice(-1), next];
    }
    expect(turns).toHaveLength(20_000);
    await store.delete("ada", "r19999");
    for (let index = 19_990; index < 19_999; index++) await store.delete("ada", `r${index}`);
    expect(store.bytes).toBe(0);
  });
});
