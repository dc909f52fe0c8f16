import { beforeEach, describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  type FakeRelay,
  fakeRelay,
  finished,
  generationOf,
  nodeOf,
  settled,
} from "../../../test/support/router/router.ts";
import { listModels } from "../service.ts";
import { Fleet } from "./fleet.ts";

const lost = new MeshError("node_lost", "The node went away.");
const failed = () => new MeshError("engine_failed", "The engine failed.");

let clock: FakeClock;
let fleet: Fleet;
beforeEach(() => {
  clock = new FakeClock();
  fleet = new Fleet({ clock, log: silentLog });
});

const list = (...nodes: (Node | string)[]) =>
  fleet.list(
    new Map(
      nodes.map((node) => (typeof node === "string" ? nodeOf(node) : node)).map((node) => [node.id, node]),
    ),
  );
const join = (...ids: string[]): FakeRelay[] => {
  list(...ids);
  return ids.map((id) => {
    const relay = fakeRelay();
    fleet.connect(id, relay);
    return relay;
  });
};
const pickable = () =>
  fleet
    .candidates("m")
    .filter(({ listed, connected, draining }) => listed && connected && !draining)
    .map(({ node }) => node.id)
    .sort();
const endpoint = (id = "a") => fleet.candidates("m").find(({ node }) => node.id === id)!;

describe("a revoked node", () => {
  const revoke = (...ids: string[]) => fleet.list(new Map([["c", nodeOf("c")]]), { revoked: new Set(ids) });

  test("loses its relay, even when most of the fleet is revoked", async () => {
    const [a, b, c] = join("a", "b", "c");
    revoke("a", "b");
    expect(await a!.closed).toMatchObject({ kind: "node_lost" });
    expect(await b!.closed).toMatchObject({ kind: "node_lost" });
    expect(pickable()).toEqual(["c"]);
    c!.close(lost);
  });

  test("loses former relays too, which only finish their generations", async () => {
    const [former] = join("a");
    const open = fleet.reserve("a", "m").generate(generationOf(), new AbortController().signal);
    const answer = open[Symbol.asyncIterator]().next();
    fleet.connect("a", fakeRelay());
    revoke("a");
    await former!.closed;
    await expect(answer).rejects.toMatchObject({ kind: "node_lost" });
  });

  test("is refused when it connects again", async () => {
    join("a");
    revoke("a");
    const again = fakeRelay();
    fleet.connect("a", again);
    await again.closed;
    expect(fleet.isConnected("a")).toBe(false);
  });
});

describe("nodes that may be picked", () => {
  test("a node that is listed and connected", () => {
    list("a", "b");
    fleet.connect("a", fakeRelay());
    expect(pickable()).toEqual(["a"]);
  });

  test("not a node that attached but is unknown to the registry, until it is listed", () => {
    fleet.connect("a", fakeRelay());
    expect(pickable()).toEqual([]);
    list("a");
    expect(pickable()).toEqual(["a"]);
  });

  test("no longer a node whose relay has ended", async () => {
    const [relay] = join("a", "b");
    relay!.close(lost);
    await settled();
    expect(pickable()).toEqual(["b"]);
  });

  test("no longer a node whose relay or registry reports that it drains", () => {
    const [relay] = join("a", "b", "c");
    fleet.report("a", relay!, relay!.setLoad({ draining: true }));
    expect(pickable()).toEqual(["b", "c"]);
    list("a", nodeOf("b", { draining: true }), "c");
    expect(pickable()).toEqual(["c"]);
  });

  test("no longer a node whose lease lapsed, though it is connected", () => {
    join("a", "b", "c");
    list("a", "b");
    expect(pickable()).toEqual(["a", "b"]);
  });

  test("connected nodes, when the registry reports more than half of them gone", () => {
    join("a", "b", "c", "d");
    list("a", "b");
    expect(pickable()).toEqual(["a", "b"]);
    list("a");
    expect(pickable()).toEqual(["a", "b", "c", "d"]);
    list();
    expect(pickable()).toEqual(["a", "b", "c", "d"]);
    list("b", "c");
    expect(pickable()).toEqual(["b", "c"]);
  });

  test("connected nodes for the time of a lease, when the registry has lost its memory", async () => {
    join("a", "b", "c");
    fleet.list(new Map([["a", nodeOf("a")]]), { memoryLost: true });
    list("a", "b");
    expect(pickable()).toEqual(["a", "b", "c"]);
    await clock.advance(14_999);
    expect(pickable()).toEqual(["a", "b", "c"]);
    await clock.advance(1);
    expect(pickable()).toEqual(["a", "b"]);
    expect(clock.pending).toBe(0);
  });

  test("not those that registry and relay agree about", async () => {
    const relays = join("a", "b", "c", "d");
    relays[3]!.close(lost);
    await settled();
    list();
    expect(pickable()).toEqual(["a", "b", "c"]);
    relays[0]!.close(lost);
    await settled();
    expect(pickable()).toEqual(["b", "c"]);
  });

  test("a node whose lease lapsed and whose relay ended is forgotten, its models remembered", async () => {
    const [relay] = join("a");
    list();
    relay!.close(lost);
    await settled();
    expect(fleet.allNodes("m")).toEqual([]);
    expect(fleet.knowledgeOf("m")).toMatchObject({ isUnused: false, known: true });
    expect(fleet.knowledgeOf("x").known).toBe(false);
  });
});

describe("a newer relay to a node", () => {
  test("takes the new generations while the former finishes its own, and is then closed", () => {
    const [former] = join("a");
    const reservation = fleet.reserve("a", "m");
    const open = former!.generate({} as never, new AbortController().signal)[Symbol.asyncIterator]();
    const present = fakeRelay();
    fleet.connect("a", present);
    expect(former!.open).toBe(1);
    fleet
      .reserve("a", "m")
      .generate({} as never, new AbortController().signal)
      [Symbol.asyncIterator]();
    expect(present.open).toBe(1);
    void open.return?.();
    expect(former!.open).toBe(0);
    let closed = false;
    void former!.closed.then(() => (closed = true));
    reservation.leave({ finished: { reason: FinishReason.STOP } as never });
    return settled().then(() => expect(closed).toBe(true));
  });

  test("is not disturbed by what the former reports, or its end", async () => {
    const [former] = join("a");
    fleet.connect("a", fakeRelay());
    former!.close(lost);
    fleet.report("a", former!, former!.setLoad({ draining: true }));
    await settled();
    expect(pickable()).toEqual(["a"]);
  });
});

describe("the load of a node", () => {
  const told = (running: number, waiting = 0, slots = 2) => ({
    models: [{ model: "m", slots, running, waiting }],
  });
  const end = { finished: finished().event.value as never };

  test("counts what this router has sent before the node says so", () => {
    join("a");
    fleet.reserve("a", "m");
    fleet.reserve("a", "m");
    expect(endpoint()).toMatchObject({ running: 0, occupied: 2, slots: 2 });
  });

  test("adds what was sent since the node last said", () => {
    const [relay] = join("a");
    fleet.reserve("a", "m");
    fleet.report("a", relay!, relay!.setLoad(told(3, 1, 8)));
    expect(endpoint()).toMatchObject({ slots: 8, occupied: 4 });
    fleet.reserve("a", "m");
    expect(endpoint().occupied).toBe(5);
  });

  test("takes away what came back since, but never falls below what is open here", () => {
    const [relay] = join("a");
    const reservations = [fleet.reserve("a", "m"), fleet.reserve("a", "m")];
    fleet.report("a", relay!, relay!.setLoad(told(2)));
    reservations[0]!.leave(end);
    expect(endpoint().occupied).toBe(1);
    reservations[0]!.leave(end);
    expect(endpoint().occupied).toBe(1);
    fleet.report("a", relay!, relay!.setLoad(told(0)));
    expect(endpoint().occupied).toBe(1);
    reservations[1]!.leave(end);
    expect(endpoint().occupied).toBe(0);
  });

  test("is forgotten with the relay", async () => {
    const [relay] = join("a", "b");
    fleet.report("a", relay!, relay!.setLoad(told(2, 5)));
    relay!.close(lost);
    await settled();
    expect(endpoint()).toMatchObject({ running: 0, waiting: 0, occupied: 0 });
  });

  test("survives that the registry lists the same node again", () => {
    const [relay] = join("a");
    fleet.report("a", relay!, relay!.setLoad(told(1, 0)));
    fleet.reserve("a", "m");
    list(nodeOf("a"));
    expect(endpoint()).toMatchObject({ running: 1, occupied: 2 });
  });
});

describe("what is learned", () => {
  test("the time to the first token, the pace and the service time", async () => {
    join("a");
    const reservation = fleet.reserve("a", "m");
    await clock.advance(100);
    reservation.markFirstToken(() => 5);
    await clock.advance(400);
    reservation.leave({ finished: finished(5).event.value as never });
    expect(endpoint()).toMatchObject({ firstTokenMs: 100, tokenMs: 100, serviceMs: 500 });
  });

  test("not the time to a first token that waited for a slot", async () => {
    join("a");
    for (let index = 0; index < 2; index++) fleet.reserve("a", "m");
    const third = fleet.reserve("a", "m");
    await clock.advance(100);
    third.markFirstToken(() => 1);
    expect(endpoint().firstTokenMs).toBeUndefined();
  });

  test("nothing from what the caller ended", async () => {
    join("a");
    const reservation = fleet.reserve("a", "m");
    await clock.advance(100);
    reservation.leave({ error: new MeshError("cancelled", "The caller left.") });
    expect(endpoint()).toMatchObject({ serviceMs: undefined, ejected: undefined });
  });

  test("a node that fails five times in a row is ejected, but never more than half of those that serve the model", () => {
    join("a", "b", "c");
    for (const id of ["a", "b", "c"])
      for (let index = 0; index < 5; index++) fleet.reserve(id, "m").leave({ error: failed() });
    expect(
      fleet
        .candidates("m")
        .filter(({ ejected }) => ejected !== undefined)
        .map(({ node }) => node.id),
    ).toEqual(["a"]);
  });

  test("a node that calls requests invalid which its peers answer is ejected", async () => {
    join("a", "b");
    for (let index = 0; index < 10; index++) {
      fleet.reserve("a", "m").leave({ error: new MeshError("invalid_request", "I do not like it.") });
      fleet.reserve("b", "m").leave({ finished: finished(5).event.value as never });
      await clock.advance(500);
    }
    expect(endpoint("a").ejected).toBe("failing");
    expect(endpoint("b").ejected).toBeUndefined();
  });

  test("refusals and bad requests do not count against a node", () => {
    join("a", "b");
    for (const kind of ["saturated", "invalid_request", "cancelled", "deadline"] as const)
      for (let index = 0; index < 5; index++)
        fleet.reserve("a", "m").leave({ error: new MeshError(kind, "Not the node's fault.") });
    expect(endpoint().ejected).toBeUndefined();
  });
});

describe("the models", () => {
  test("are those of ready nodes, in order of name, with what the nodes offer together", async () => {
    await clock.advance(5000);
    const other = { id: "c", models: [{ ...nodeOf("c").models[0]!, model: "k", contextLength: 9 }] };
    list(
      "a",
      nodeOf("b", {}, { contextLength: 8192, slots: 3 }),
      nodeOf("c", other),
      nodeOf("d", {}, { model: "z" }),
    );
    for (const id of ["a", "b", "c"]) fleet.connect(id, fakeRelay());
    await clock.advance(5000);
    expect(listModels(fleet)).toMatchObject([
      { name: "k", nodes: 1, slots: 2, contextLength: 9 },
      { name: "m", nodes: 2, slots: 5, contextLength: 8192, since: 1_700_000_005n },
    ]);
  });

  test("follow what a node now says that it serves", () => {
    const [relay] = join("a");
    fleet.report("a", relay!, relay!.setLoad({ models: [{ model: "k", slots: 7 }] }));
    list(nodeOf("a", {}, { model: "k" }));
    expect(listModels(fleet)).toMatchObject([{ name: "k", slots: 7 }]);
  });
});

test("taking a reservation on a node that just went away says so", () => {
  list("a");
  expect(() => fleet.reserve("a", "m")).toThrow("went away");
});
