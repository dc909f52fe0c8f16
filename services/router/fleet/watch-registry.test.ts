import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../../core/telemetry/log.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { FakeRegistry } from "../../../test/support/router/mesh.ts";
import { nodeOf, settled } from "../../../test/support/router/router.ts";
import { watchRegistry } from "./watch-registry.ts";

let clock: FakeClock;
let registry: FakeRegistry;
let leave: AbortController;
let listings: string[];
let ended: Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  registry = new FakeRegistry();
  leave = new AbortController();
  listings = [];
});
afterEach(async () => {
  leave.abort();
  await ended;
  expect(clock.pending).toBe(0);
});

const begin = () => {
  ended = watchRegistry(
    {
      registry: registry.transport,
      clock,
      random: () => 0,
      log: silentLog,
      onListing: ({ revision, nodes, epoch }, former) => {
        const memory = former !== undefined && former.epoch !== epoch ? "forgot everything, " : "";
        listings.push(`${memory}${revision}: ${[...nodes.keys()].join(" ")}`);
      },
    },
    leave.signal,
  );
  return settled();
};

test("tells the snapshot and every change after it", async () => {
  registry.put(nodeOf("a"));
  await begin();
  registry.put(nodeOf("b"), nodeOf("c"));
  registry.remove("a");
  await settled();
  expect(listings).toEqual(["1: a", "2: a b", "3: a b c", "4: b c"]);
});

test("keeps the last listing while the registry is away, and asks again with growing waits", async () => {
  registry.put(nodeOf("a"));
  await begin();
  registry.goDown();
  await clock.advance(700);
  expect(listings).toEqual(["1: a"]);
  registry.comeBack();
  registry.put(nodeOf("b"));
  await clock.advance(799);
  expect(registry.watches).toBe(1);
  await clock.advance(1);
  await settled();
  expect(registry.watches).toBe(2);
  expect(listings).toEqual(["1: a", "2: a b"]);
});

test("waits only briefly again once the registry has been heard", async () => {
  await begin();
  registry.goDown();
  await clock.advance(60_000);
  registry.comeBack();
  await clock.advance(5000);
  registry.goDown();
  registry.comeBack();
  await clock.advance(100);
  await settled();
  expect(registry.watches).toBe(3);
});

test("believes no change of a watch that gave no snapshot, even one that would follow", async () => {
  registry.put(nodeOf("a"));
  await begin();
  registry.goDown();
  registry.comeBack();
  registry.snapshots = false;
  await clock.advance(100);
  registry.put(nodeOf("b"));
  await settled();
  expect(registry.watches).toBe(2);
  expect(listings).toEqual(["1: a"]);
});

test("never waits longer than five seconds for a registry that comes back", async () => {
  await begin();
  registry.goDown();
  await clock.advance(15 * 60_000);
  registry.comeBack();
  await clock.advance(5000);
  await settled();
  expect(registry.watches).toBe(2);
});

test("asks for a fresh snapshot when a change is out of order, so that nothing is missed", async () => {
  await begin();
  registry.put(nodeOf("a"));
  registry.shiftRevision(-1n);
  registry.put(nodeOf("b"));
  await clock.advance(200);
  await settled();
  expect(registry.watches).toBe(2);
  expect(listings).toEqual(["0: ", "1: a", "1: a b"]);
});

test("takes no offence at revisions that are skipped", async () => {
  await begin();
  registry.put(nodeOf("a"));
  registry.shiftRevision(7n);
  registry.put(nodeOf("b"));
  await settled();
  expect(registry.watches).toBe(1);
  expect(listings).toEqual(["0: ", "1: a", "9: a b"]);
});

test("takes the word of a registry that lost its memory", async () => {
  registry.put(nodeOf("a"), nodeOf("b"));
  await begin();
  registry.goDown();
  registry.comeBack({ forgetful: true });
  registry.put(nodeOf("c"));
  await clock.advance(200);
  await settled();
  expect(listings).toEqual(["2: a b", "forgot everything, 1: c"]);
});
