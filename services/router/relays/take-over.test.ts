import { beforeEach, describe, expect, test } from "vitest";
import { PeerSilent } from "../../../core/relay/contract.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { type FakeRelay, fakeRelay, generationOf, nodeOf } from "../../../test/support/router/router.ts";
import { Fleet } from "../fleet/fleet.ts";
import { canTakeOver } from "./take-over.ts";

let fleet: Fleet;
let silent: FakeRelay;
let other: FakeRelay;

/** Node `a` has fallen silent; what is left is node `b`. */
function meet(b = nodeOf("b")): void {
  fleet = new Fleet({ clock: new FakeClock(), log: silentLog });
  silent = fakeRelay();
  other = fakeRelay();
  fleet.list(new Map([nodeOf("a"), b].map((node) => [node.id, node])));
  fleet.connect("a", silent);
  fleet.connect("b", other);
  silent.suspected = true;
}
beforeEach(() => meet());

const ask = (
  given: { hasBegun?: boolean; silentMs?: number; generation?: Parameters<typeof generationOf>[0] } = {},
) =>
  canTakeOver(
    fleet,
    { nodeId: "a", relay: silent },
    { hasBegun: true, silentMs: 1600, ...given, generation: generationOf(given.generation) },
  );

describe("a generation of a silent node", () => {
  test.each([
    { where: "moves to an equal node", change: () => {}, can: true },
    { where: "waits when the other node is silent too", change: () => (other.suspected = true), can: false },
    {
      where: "waits when the other node has no room",
      change: () => {
        for (let count = 0; count < 4; count++) fleet.reserve("b", "m");
      },
      can: false,
    },
    {
      where: "waits when the other node drains",
      change: () => fleet.report("b", other, other.setLoad({ draining: true })),
      can: false,
    },
    {
      where: "moves to its own node, once that has attached again",
      change: () => {
        other.suspected = true;
        fleet.connect("a", fakeRelay());
      },
      can: true,
    },
  ])("$where", ({ change, can }) => {
    change();
    expect([ask(), ask({ hasBegun: false })]).toEqual([can, can]);
  });

  test("waits for seconds before it moves to a node that would not go on with the same tokens", () => {
    meet(nodeOf("b", {}, { fingerprint: "another build" }));
    expect([ask(), ask({ silentMs: 5000 }), ask({ hasBegun: false })]).toEqual([false, true, true]);
    expect(ask({ silentMs: 5000, generation: { tools: [{ name: "call" }] } })).toBe(false);
  });

  test("waits when the other node cannot continue it", () => {
    meet(nodeOf("b", {}, { capabilities: { resume: Capabilities_Resume.NONE } }));
    expect([ask({ silentMs: 9000 }), ask({ hasBegun: false })]).toEqual([false, true]);
  });
});

test("a silent node gets nothing new while another has room, and being suspected is no failure of it", () => {
  const reservation = fleet.reserve("a", "m");
  for (let count = 0; count < 10; count++) fleet.reserve("a", "m").leave({ error: new PeerSilent(1500) });
  expect(fleet.candidates("m").find(({ node }) => node.id === "a")).toMatchObject({
    suspected: true,
    ejected: undefined,
  });
  reservation.leave({ error: new PeerSilent(1500) });
});
