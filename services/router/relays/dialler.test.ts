import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { createLog, silentLog } from "../../../core/telemetry/log.ts";
import type { Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { FakeNodes } from "../../../test/support/router/mesh.ts";
import { fakeRelay, finished, nodeOf, settled, started } from "../../../test/support/router/router.ts";
import { Fleet } from "../fleet/fleet.ts";
import { Dialler } from "./dialler.ts";

let clock: FakeClock;
let fleet: Fleet;
let nodes: FakeNodes;
let dialler: Dialler;
let warnings: string[];

/** What the router speaks. */
const protocol = { current: 3, oldest: 1 };

beforeEach(() => {
  clock = new FakeClock();
  fleet = new Fleet({ clock, log: silentLog });
  nodes = new FakeNodes(clock);
  warnings = [];
  const log = createLog({
    service: "router",
    level: "warn",
    pretty: false,
    write: (line) => void warnings.push(JSON.parse(line).msg),
  });
  dialler = new Dialler({ dial: nodes.dial, fleet, clock, random: () => 0, log, protocol });
});
afterEach(async () => {
  dialler.close();
  fleet.close(new MeshError("node_lost", "The test is over."));
  await settled();
  expect(nodes.open).toBe(0);
  expect(clock.pending).toBe(0);
});

async function* answer() {
  yield started();
  yield finished();
}
const at = (id: string, address = `${id}:1`): Node => nodeOf(id, { address });
const follow = async (...listed: Node[]) => {
  const listing = new Map(listed.map((node) => [node.id, node]));
  fleet.list(listing);
  dialler.follow(listing);
  await settled();
};
const connected = () => ["a", "b"].filter((id) => fleet.isConnected(id));

test("dials every node that gives an address, and no other", async () => {
  nodes.start("a:1", answer);
  await follow(at("a"), nodeOf("b"));
  expect(connected()).toEqual(["a"]);
  expect([...nodes.dialled]).toEqual([["a:1", 1]]);
});

test("dials again after growing waits until the node answers", async () => {
  await follow(at("a"));
  await clock.advance(700);
  expect(nodes.dialled.get("a:1")).toBe(4);
  nodes.start("a:1", answer);
  await clock.advance(800);
  await settled();
  expect(connected()).toEqual(["a"]);
});

test("dials again soon when a relay that stood has broken", async () => {
  nodes.start("a:1", answer);
  await follow(at("a"));
  nodes.stop("a:1");
  await settled();
  expect(connected()).toEqual([]);
  nodes.start("a:1", answer);
  await clock.advance(100);
  await settled();
  expect(connected()).toEqual(["a"]);
});

test("forgets long waits once a relay has stood", async () => {
  await follow(at("a"));
  await clock.advance(60_000);
  nodes.start("a:1", answer);
  await clock.advance(5000);
  expect(connected()).toEqual(["a"]);
  nodes.stop("a:1");
  await settled();
  nodes.start("a:1", answer);
  await clock.advance(100);
  await settled();
  expect(connected()).toEqual(["a"]);
});

test("dials at once when the node registers anew", async () => {
  await follow(at("a"));
  await clock.advance(60_000);
  const before = nodes.dialled.get("a:1")!;
  nodes.start("a:1", answer);
  await follow(at("a"));
  expect(nodes.dialled.get("a:1")).toBe(before + 1);
  expect(connected()).toEqual(["a"]);
});

test("begins anew with short waits when the node registers anew but does not answer yet", async () => {
  await follow(at("a"));
  await clock.advance(60_000);
  await follow(at("a"));
  const before = nodes.dialled.get("a:1")!;
  await clock.advance(300);
  expect(nodes.dialled.get("a:1")).toBe(before + 2);
});

test("dials the new address of a node that moved", async () => {
  nodes.start("a:1", answer);
  await follow(at("a"));
  nodes.stop("a:1");
  nodes.start("a:2", answer);
  await follow(at("a", "a:2"));
  await clock.advance(100);
  await settled();
  expect(connected()).toEqual(["a"]);
  await clock.advance(60_000);
  expect(nodes.dialled.get("a:1")).toBe(1);
});

test("does not dial again for a node that left", async () => {
  nodes.start("a:1", answer);
  await follow(at("a"), at("b"));
  await follow(at("a"));
  const dialled = nodes.dialled.get("b:1");
  await follow();
  nodes.stop("a:1");
  await clock.advance(60_000);
  expect(nodes.dialled.get("a:1")).toBe(1);
  expect(nodes.dialled.get("b:1")).toBe(dialled);
});

test("keeps the relay of a node that left for as long as the node does", async () => {
  nodes.start("a:1", answer);
  await follow(at("a"));
  await follow();
  await clock.advance(60_000);
  expect(connected()).toEqual(["a"]);
});

test("does not dial a node that has attached", async () => {
  fleet.connect("a", fakeRelay());
  nodes.start("a:1", answer);
  await follow(at("a"));
  await clock.advance(60_000);
  expect(nodes.dialled.size).toBe(0);
});

describe("the protocol", () => {
  const says =
    "Update cxmpute on the router: it speaks versions 1 to 3 of the mesh's protocol, the node version 4.";

  test.each([{ current: 4, oldest: 3 }, { current: 1, oldest: 1 }, undefined])(
    "of a node that tells %j goes with the router's, which tells its own",
    async (told) => {
      nodes.protocol = told;
      nodes.start("a:1", answer);
      await follow(at("a"));
      expect(connected()).toEqual(["a"]);
      expect(nodes.routerProtocol).toMatchObject(protocol);
      expect(warnings).toEqual([]);
    },
  );

  test("of a node that is too new is told once, and the node dialled again after a minute at the earliest", async () => {
    nodes.protocol = { current: 4, oldest: 4 };
    nodes.start("a:1", answer);
    await follow(at("a"));
    await clock.advance(59_000);
    expect(nodes.dialled.get("a:1")).toBe(1);
    await clock.advance(10 * 60_000);
    expect(nodes.dialled.get("a:1")).toBe(11);
    expect(connected()).toEqual([]);
    expect(warnings).toEqual([`node a gets no work. ${says}`]);
  });

  test("is compared anew at once when the node registers again, as after an update", async () => {
    nodes.protocol = { current: 4, oldest: 4 };
    nodes.start("a:1", answer);
    await follow(at("a"));
    nodes.protocol = { current: 4, oldest: 3 };
    await follow(at("a"));
    expect(connected()).toEqual(["a"]);
  });
});
