import { getEventListeners } from "node:events";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { fromErrorDetail, MeshError, toErrorDetail } from "../../core/errors/mesh-error.ts";
import { needsOf } from "../../core/generation/capabilities.ts";
import { createLog } from "../../core/telemetry/log.ts";
import {
  CallerSchema,
  type GenerationEvent,
  type GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import {
  answering,
  delta,
  type FakeRelay,
  failing,
  fakeRelay,
  finished,
  generationOf,
  nodeOf,
  settled,
  started,
  textOf,
} from "../../test/support/router/router.ts";
import { Fleet } from "./fleet/fleet.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { defaultQueueLimits, type QueueLimits } from "./queue-limits.ts";
import { explain } from "./routing/explain.ts";
import { profiles } from "./routing/profile.ts";
import { rank } from "./routing/rank.ts";

let clock: FakeClock;
let fleet: Fleet;
let relays: Record<string, FakeRelay>;
let lines: Record<string, unknown>[];
let pipeline: Pipeline;
let count: number;

function open(limits: Partial<QueueLimits> = {}) {
  clock = new FakeClock();
  lines = [];
  count = 0;
  const log = createLog({ service: "router", write: (line) => lines.push(JSON.parse(line)), pretty: false });
  fleet = new Fleet({ clock, log: log.child({}, { level: "fatal" }) });
  relays = {};
  const profile = profiles.interactive;
  pipeline = createPipeline({
    ...defaultQueueLimits,
    ...limits,
    fleet,
    clock,
    log,
    profile,
    attemptLimit: 4,
  });
}
beforeEach(() => open());

/** Nodes with the way each answers; without one the test answers by hand. */
function join(nodes: Record<string, ((asked: FakeRelay["asked"][number]) => void) | undefined>, slots = 2) {
  fleet.list(new Map(Object.keys(nodes).map((id) => [id, nodeOf(id, {}, { slots })])));
  for (const [id, answer] of Object.entries(nodes)) {
    relays[id] = fakeRelay(answer);
    fleet.connect(id, relays[id]);
  }
}

/** Relays to listed nodes whose answers the test plays. */
function connect(...ids: string[]) {
  for (const id of ids) {
    relays[id] = fakeRelay();
    fleet.connect(id, relays[id]);
  }
}

interface Reader {
  readonly events: GenerationEvent[];
  readonly leave: AbortController;
  /** Undefined while it runs, then `finished` or the error. */
  outcome: "finished" | MeshError | undefined;
}

/** Asks and reads in the background. */
function ask(fields: MessageInitShape<typeof GenerationSchema> = {}, user = "u"): Reader {
  const leave = new AbortController();
  const reader: Reader = { events: [], leave, outcome: undefined };
  const id = `g${++count}`;
  const caller = create(CallerSchema, { userId: user, requestId: `r${count}` });
  const generation = generationOf({ id, caller, ...fields });
  void (async () => {
    for await (const event of pipeline.generate(generation, leave.signal)) reader.events.push(event);
  })().then(
    () => (reader.outcome = "finished"),
    (error) => (reader.outcome = error),
  );
  return reader;
}
const begun = (id: string) => relays[id]!.asked.map(({ generation }) => generation.id);
const finish = (id: string, index: number) => {
  const { events } = relays[id]!.asked[index]!;
  for (const event of [started(), delta("x"), finished()]) events.push(event);
  events.close();
};
const failed = (message = "The engine failed.") => new MeshError("engine_failed", message);
const lost = () => new MeshError("node_lost", "The node went away.");

describe("an answer", () => {
  test("reaches the caller as the node gives it", async () => {
    join({ a: answering("Hel", "lo") });
    const reader = ask();
    await settled();
    expect(reader.events.map(({ event }) => event.case)).toEqual(["started", "delta", "delta", "finished"]);
    expect(textOf(reader.events)).toBe("Hello");
    expect(reader.outcome).toBe("finished");
  });

  test("carries the node's name as the mesh knows it, whatever the node says", async () => {
    join({ a: ({ events }) => [started("liar"), finished()].forEach((event) => void events.push(event)) });
    const reader = ask();
    await settled();
    expect(reader.events[0]?.event.value).toMatchObject({ nodeId: "a", fingerprint: "f" });
  });

  test.each<[string, GenerationEvent[]]>([
    ["begins with a delta", [delta("x"), finished()]],
    ["begins twice before its first token", [started(), started(), delta("x"), finished()]],
    ["ends before it begins", []],
    ["ends without finishing", [started(), delta("x")]],
    ["begins twice after its first token", [started(), delta("x"), started(), finished()]],
  ])("that %s is the engine's failure", async (_, events) => {
    join({
      a: (asked) => {
        for (const event of events) asked.events.push(event);
        asked.events.close();
      },
    });
    const reader = ask();
    // Of what follows a first token other nodes get a try, and this one too.
    await clock.advance(2000);
    expect(reader.outcome).toMatchObject({ kind: "engine_failed" });
  });

  test("frees its slot when it has finished, before the caller has read to the end", async () => {
    join({ a: answering("x") }, 1);
    const answer = pipeline.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
    await answer.next();
    await answer.next();
    await answer.next();
    expect(fleet.candidates("m")[0]?.occupied).toBe(0);
    expect(pipeline.open.size).toBe(0);
    expect(await answer.next()).toEqual({ value: undefined, done: true });
  });
});

describe("a caller that leaves", () => {
  test("cancels at the node while it generates", async () => {
    join({ a: undefined });
    const reader = ask();
    relays.a!.asked[0]!.events.push(started());
    relays.a!.asked[0]!.events.push(delta("x"));
    await settled();
    reader.leave.abort();
    await settled();
    expect(relays.a!.open).toBe(0);
    expect(reader.outcome).toMatchObject({ kind: "cancelled" });
    expect(fleet.candidates("m")[0]?.occupied).toBe(0);
  });

  test("cancels at the node before the first token, and nothing is tried again", async () => {
    join({ a: undefined, b: undefined });
    const reader = ask();
    await settled();
    reader.leave.abort();
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "cancelled" });
    expect(begun("a").length + begun("b").length).toBe(1);
  });

  test("frees the node when it stops reading instead", async () => {
    join({ a: undefined });
    const answer = pipeline.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
    const first = answer.next();
    relays.a!.asked[0]!.events.push(started());
    relays.a!.asked[0]!.events.push(delta("x"));
    await first;
    await answer.return?.();
    expect(relays.a!.open).toBe(0);
    expect(pipeline.open.size).toBe(0);
  });

  test("frees the node even when nobody asks for another event", async () => {
    join({ a: answering("x", "y") });
    const leave = new AbortController();
    const answer = pipeline.generate(generationOf(), leave.signal)[Symbol.asyncIterator]();
    await answer.next();
    leave.abort();
    expect(fleet.candidates("m")[0]?.occupied).toBe(0);
    const readOn = async () => {
      while ((await answer.next()).done !== true);
    };
    await expect(readOn()).rejects.toMatchObject({ kind: "cancelled" });
  });

  test("leaves the queue", async () => {
    join({ a: undefined }, 1);
    ask();
    const waiting = ask();
    waiting.leave.abort();
    await settled();
    expect(waiting.outcome).toMatchObject({ kind: "cancelled" });
    finish("a", 0);
    await settled();
    expect(begun("a")).toEqual(["g1"]);
    expect(clock.pending).toBe(0);
  });

  test("is let go of at the end", async () => {
    join({ a: answering("x"), b: failing(failed()) });
    const leave = new AbortController();
    for (let index = 0; index < 10; index++)
      await Array.fromAsync(pipeline.generate(generationOf({ id: `g${index}` }), leave.signal));
    await Array.fromAsync(pipeline.generate(generationOf({ model: "gpt-9" }), leave.signal)).catch(() => {});
    expect(getEventListeners(leave.signal, "abort")).toEqual([]);
  });

  test("before it began is never asked for", async () => {
    join({ a: answering("x") });
    await expect(
      pipeline.generate(generationOf(), AbortSignal.abort())[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({ kind: "cancelled" });
    expect(begun("a")).toEqual([]);
  });
});

describe("dispatch", () => {
  test("spreads a burst over equal nodes before any of them has told its load", async () => {
    join({ a: undefined, b: undefined, c: undefined }, 8);
    for (let index = 0; index < 12; index++) ask();
    await settled();
    expect(["a", "b", "c"].map((id) => begun(id).length)).toEqual([4, 4, 4]);
  });

  test("goes where ExplainRoute says", async () => {
    join({ a: undefined, b: undefined, c: undefined, d: undefined }, 4);
    for (let index = 0; index < 14; index++) {
      const generation = generationOf({ id: `g${index + 1}` });
      const request = { generation, needs: needsOf(generation), tried: [] };
      const told = explain(
        rank(request, fleet.allNodes("m"), profiles.interactive),
        request,
        profiles.interactive,
      );
      const before = fleet.candidates("m").map(({ node }) => begun(node.id).length);
      ask();
      const after = fleet.candidates("m").map(({ node }) => begun(node.id).length);
      const went = fleet.candidates("m").findIndex((_, at) => after[at] !== before[at]);
      expect(fleet.candidates("m")[went]?.node.id).toBe(told.verdicts[0]?.node?.id);
      await clock.advance(10);
    }
  });

  test("a node that drains gets nothing new while its open generations finish", async () => {
    join({ a: undefined, b: undefined });
    ask();
    ask();
    await settled();
    expect([begun("a").length, begun("b").length]).toEqual([1, 1]);
    fleet.report(
      "a",
      relays.a!,
      relays.a!.setLoad({ draining: true, models: [{ model: "m", slots: 2, running: 1 }] }),
    );
    const next = ask();
    await settled();
    expect([begun("a").length, begun("b").length]).toEqual([1, 2]);
    finish("a", 0);
    finish("b", 1);
    await settled();
    expect(next.outcome).toBe("finished");
    expect(lines.map(({ node_id, outcome }) => [node_id, outcome])).toContainEqual(["a", "stop"]);
  });
});

test("what nodes show of their speed decides where the next generation goes", async () => {
  join({ a: undefined, b: undefined }, 1);
  ask();
  ask();
  await clock.advance(50);
  finish("a", 0);
  await clock.advance(950);
  finish("b", 0);
  await settled();
  expect(fleet.candidates("m")).toMatchObject([{ firstTokenMs: 50 }, { firstTokenMs: 1000 }]);
  for (let index = 0; index < 3; index++) {
    ask();
    finish("a", index + 1);
    await settled();
  }
  expect([begun("a").length, begun("b").length]).toEqual([4, 1]);
});

describe("failover", () => {
  test.each([
    ["a lost node", lost()],
    ["a failed engine", failed()],
    ["a full node", new MeshError("saturated", "Full.")],
    ["a node that no longer has the model", new MeshError("model_not_found", "Gone.")],
    ["a node that gave up by itself", new MeshError("cancelled", "Stopping.")],
  ])("moves on from %s before the first token, and the caller sees one beginning", async (_, error) => {
    let failures = 0;
    const once = (asked: FakeRelay["asked"][number]) => {
      if (failures++ > 0) return answering("ok")(asked);
      asked.events.push(started());
      asked.events.push(delta(""));
      asked.events.fail(fromErrorDetail(toErrorDetail(error)));
    };
    join({ a: once, b: once });
    const reader = ask();
    await settled();
    expect(reader.events.map(({ event }) => event.case)).toEqual(["started", "delta", "finished"]);
    expect(textOf(reader.events)).toBe("ok");
    expect(new Set([begun("a").length, begun("b").length])).toEqual(new Set([1]));
    const [, second] = lines[0]!.attempts as [string, string];
    expect(reader.events[0]?.event.value).toMatchObject({ nodeId: second });
  });

  describe("from a node whose context is too short for the prompt", () => {
    const tooLong = new MeshError("invalid_request", "This model's maximum context length is too short.", {
      code: "context_length_exceeded",
      param: "messages",
    });
    /** Nodes by their context, each with the way in which it answers. */
    const joinBy = (contexts: Record<string, [number, (asked: FakeRelay["asked"][number]) => void]>) => {
      join(Object.fromEntries(Object.entries(contexts).map(([id, [, answer]]) => [id, answer])));
      fleet.list(
        new Map(
          Object.entries(contexts).map(([id, [contextLength]]) => [id, nodeOf(id, {}, { contextLength })]),
        ),
      );
    };

    test.each([0, 1, 2, 3, 4, 5])(
      "goes to one with more, however equal nodes are ordered (%i)",
      async (skipped) => {
        const short = failing(tooLong);
        joinBy({ a: [1024, short], b: [1024, short], c: [4096, short], d: [8192, answering("ok")] });
        count = skipped;
        const reader = ask();
        await settled();
        expect(textOf(reader.events)).toBe("ok");
        // Never to a second one with no more than the first.
        expect(begun("a").length + begun("b").length).toBeLessThanOrEqual(1);
        expect(begun("d")).toHaveLength(1);
      },
    );

    test("fails with that node's word when no other has more", async () => {
      joinBy({ a: [1024, failing(tooLong)], b: [1024, failing(tooLong)] });
      const reader = ask();
      await settled();
      expect(reader.outcome).toBe(tooLong);
      expect(begun("a").length + begun("b").length).toBe(1);
    });
  });

  test("happens while a node has shown no more than the ids of half a character", async () => {
    const ids = (tokenId: number, text = "") => {
      const event = delta(text);
      if (event.event.case === "delta") event.event.value.tokenIds.push(tokenId);
      return event;
    };
    let asked = 0;
    const halfThenWhole = ({ events }: FakeRelay["asked"][number]) => {
      for (const event of [started(), ids(1)]) events.push(event);
      if (asked++ === 0) return events.fail(lost());
      for (const event of [ids(2, "é"), finished()]) events.push(event);
    };
    join({ a: halfThenWhole, b: halfThenWhole });
    const reader = ask();
    await settled();
    expect(textOf(reader.events)).toBe("é");
    const tokenIds = reader.events.flatMap(({ event }) =>
      event.case === "delta" ? event.value.tokenIds : [],
    );
    expect(tokenIds).toEqual([1, 2]);
  });

  test.each(["invalid_request", "deadline", "internal", "rate_limited"] as const)(
    "does not happen for %s, which another node would say too",
    async (kind) => {
      const refusing = failing(new MeshError(kind, "No."));
      join({ a: refusing, b: refusing });
      const reader = ask();
      await settled();
      expect(reader.outcome).toMatchObject({ kind });
      expect(begun("a").length + begun("b").length).toBe(1);
    },
  );

  test("tries each node once, and tells the last failure when all have failed", async () => {
    join({ a: failing(failed()), b: failing(failed()), c: failing(failed()) });
    const reader = ask();
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "engine_failed" });
    expect(["a", "b", "c"].map((id) => begun(id).length)).toEqual([1, 1, 1]);
  });

  test("leaves nothing behind on the nodes that failed", async () => {
    join({ a: failing(failed()), b: failing(lost()) });
    ask();
    await settled();
    expect(fleet.candidates("m").map(({ occupied }) => occupied)).toEqual([0, 0]);
  });

  test("gives a generation up after four nodes, so that it cannot break them all", async () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    join(Object.fromEntries(ids.map((id) => [id, failing(failed())])));
    const reader = ask();
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "engine_failed" });
    expect(ids.flatMap(begun)).toHaveLength(4);
  });

  test("stays within its budget when everything fails", async () => {
    join(
      { a: failing(new MeshError("saturated", "Full.")), b: failing(new MeshError("saturated", "Full.")) },
      1000,
    );
    const readers = Array.from({ length: 600 }, () => ask());
    await settled();
    expect(readers.every(({ outcome }) => outcome instanceof MeshError)).toBe(true);
    const asked = begun("a").length + begun("b").length;
    expect(asked - 600).toBeLessThanOrEqual(100 + 0.2 * 600);
    expect(asked - 600).toBeGreaterThanOrEqual(100);
  });

  test("moves everything when a relay breaks, what had shown tokens too", async () => {
    join({ a: undefined, b: answering("from b") }, 100);
    fleet.list(new Map([["a", nodeOf("a", {}, { slots: 100 })]]));
    const readers = Array.from({ length: 20 }, () => ask());
    const { asked } = relays.a!;
    expect(asked).toHaveLength(20);
    for (const { events } of asked.slice(0, 5))
      for (const event of [started(), delta("from a")]) events.push(event);
    fleet.list(new Map(["a", "b"].map((id) => [id, nodeOf(id, {}, { slots: 100 })])));
    await settled();
    relays.a!.close(lost());
    await settled();
    expect(readers.slice(0, 5).map(({ events }) => textOf(events))).toEqual(Array(5).fill("from afrom b"));
    expect(readers.slice(5).map(({ events }) => textOf(events))).toEqual(Array(15).fill("from b"));
  });
});

describe("admission", () => {
  test("lets in as many as there are slots, and the next when one is free", async () => {
    join({ a: undefined }, 2);
    const readers = [ask(), ask(), ask(), ask()];
    await settled();
    expect(begun("a")).toEqual(["g1", "g2"]);
    finish("a", 0);
    await settled();
    expect(begun("a")).toEqual(["g1", "g2", "g3"]);
    expect(readers[0]?.outcome).toBe("finished");
  });

  test("lets in when the node says that others have left", async () => {
    join({ a: undefined }, 1);
    const load = (running: number) => relays.a!.setLoad({ models: [{ model: "m", slots: 1, running }] });
    fleet.report("a", relays.a!, load(1));
    ask();
    await settled();
    expect(begun("a")).toEqual([]);
    fleet.report("a", relays.a!, load(0));
    await settled();
    expect(begun("a")).toEqual(["g1"]);
  });

  test("admits no more than there are slots when several become free at once", async () => {
    join({ a: undefined }, 1);
    for (let index = 0; index < 5; index++) ask();
    await settled();
    fleet.list(new Map(["a", "b", "c"].map((id) => [id, nodeOf(id, {}, { slots: 1 })])));
    connect("b", "c");
    await settled();
    expect(["a", "b", "c"].map((id) => begun(id).length)).toEqual([1, 1, 1]);
  });

  test("serves callers in turn when one floods the mesh", async () => {
    join({ a: undefined }, 1);
    // Marks of other meshes that it makes up give it no queues, and so no turns, of its own.
    for (let index = 0; index < 6; index++) ask({ caller: { userId: "flood", via: [`m${index}`] } }, "flood");
    ask({}, "one");
    ask({}, "two");
    await settled();
    for (let index = 0; index < 7; index++) {
      finish("a", index);
      await settled();
    }
    const callers = relays.a!.asked.map(({ generation }) => generation.caller?.userId);
    expect(callers).toEqual(["flood", "flood", "one", "two", "flood", "flood", "flood", "flood"]);
  });

  /** Finishes what node `a` does, one after the other; resolves to whose answers it did, in order. */
  async function servedBy(readers: number, of: "userId" | "requestId" = "userId") {
    for (let index = 0; index < readers; index++) {
      await settled();
      finish("a", index);
    }
    await settled();
    return relays.a!.asked.map(({ generation }) => generation.caller?.[of]);
  }

  test("gives a caller no more turns for asking in many ways", async () => {
    join({ a: undefined }, 1);
    ask({}, "flood");
    await settled();
    // Each kind of answer queues apart, since not every node can give it.
    const kinds = [
      {},
      { tools: [{ name: "f" }] },
      { logprobs: { top: 1 } },
      { outputFormat: { format: { case: "jsonObject" as const, value: {} } } },
    ];
    for (const kind of kinds) for (let count = 0; count < 2; count++) ask(kind, "flood");
    for (let count = 0; count < 3; count++) ask({}, "one");
    const callers = await servedBy(12);
    expect(callers.slice(0, 7)).toEqual(["flood", "flood", "one", "flood", "one", "flood", "one"]);
    expect(callers.slice(7)).toEqual(Array(5).fill("flood"));
  });

  test("shares the nodes of a caller's kinds of answers evenly", async () => {
    join({ a: undefined }, 1);
    for (let count = 0; count < 4; count++) ask();
    ask({ tools: [{ name: "f" }] });
    expect(await servedBy(5, "requestId")).toEqual(["r1", "r2", "r5", "r3", "r4"]);
  });

  test("gives the users that an address makes up the turns of one caller", async () => {
    join({ a: undefined }, 1);
    for (let index = 0; index < 6; index++)
      ask({ caller: { userId: `made-up-${index}`, fairnessId: "from_1" } });
    ask({ caller: { userId: "one", fairnessId: "from_2" } });
    ask({ caller: { userId: "one", fairnessId: "from_2" } });
    expect((await servedBy(8)).slice(0, 5)).toEqual(["made-up-0", "made-up-1", "one", "made-up-2", "one"]);
  });

  test("counts the made-up users of an address as one caller", async () => {
    open({ callerQueueLimit: 2 });
    join({ a: undefined }, 1);
    const readers = Array.from({ length: 5 }, (_, index) =>
      ask({ caller: { userId: `made-up-${index}`, fairnessId: "from_1" } }),
    );
    const other = ask({ caller: { userId: "made-up-0", fairnessId: "from_2" } });
    await settled();
    expect(readers.map(({ outcome }) => (outcome as MeshError | undefined)?.kind)).toEqual([
      undefined,
      undefined,
      undefined,
      "caller_queue_full",
      "caller_queue_full",
    ]);
    expect(other.outcome).toBeUndefined();
  });

  test("makes room in a full queue for a caller with less in it than another, whose latest goes", async () => {
    open({ queueLimit: 4 });
    join({ a: undefined }, 1);
    const flood = Array.from({ length: 5 }, () => ask({}, "flood"));
    const first = ask({}, "one");
    const second = ask({}, "one");
    const third = ask({}, "one");
    await settled();
    expect(flood.map(({ outcome }) => (outcome as MeshError | undefined)?.kind)).toEqual([
      undefined,
      undefined,
      undefined,
      "saturated",
      "saturated",
    ]);
    expect([first.outcome, second.outcome]).toEqual([undefined, undefined]);
    expect(third.outcome).toMatchObject({ kind: "saturated", retryAfterMs: 1000 });
  });

  test("does not hold up what another node could have", async () => {
    fleet.list(
      new Map([
        ["tools", nodeOf("tools", {}, { slots: 1 })],
        [
          "plain",
          {
            ...nodeOf("plain"),
            models: [{ ...nodeOf("plain").models[0]!, capabilities: undefined }],
          } as never,
        ],
      ]),
    );
    connect("tools", "plain");
    ask({ tools: [{ name: "f" }] });
    ask({ tools: [{ name: "f" }] });
    const plain = ask();
    await settled();
    expect(begun("tools")).toEqual(["g1"]);
    expect(begun("plain")).toEqual(["g3"]);
    finish("plain", 0);
    await settled();
    expect(plain.outcome).toBe("finished");
    expect(begun("tools")).toEqual(["g1"]);
  });

  test("tells a caller whose own queue is full to wait, and only that caller", async () => {
    open({ callerQueueLimit: 2 });
    join({ a: undefined }, 1);
    for (let index = 0; index < 3; index++) ask({}, "greedy");
    const refused = ask({}, "greedy");
    const other = ask({}, "other");
    await settled();
    expect(refused.outcome).toMatchObject({ kind: "caller_queue_full", retryAfterMs: 1000 });
    expect(other.outcome).toBeUndefined();
  });

  test("sheds at once when the queue is full", async () => {
    open({ queueLimit: 2 });
    join({ a: undefined }, 1);
    for (const user of ["a", "b", "c"]) ask({}, user);
    const refused = ask({}, "d");
    await settled();
    expect(refused.outcome).toMatchObject({ kind: "saturated", retryAfterMs: 1000 });
  });

  test("sheds at once when the wait would be too long, and says when to come again", async () => {
    open({ queueTimeoutMs: 25_000 });
    join({ a: undefined }, 1);
    ask();
    await clock.advance(10_000);
    finish("a", 0);
    await settled();
    const readers = Array.from({ length: 4 }, () => ask());
    await settled();
    expect(readers.map(({ outcome }) => (outcome as MeshError | undefined)?.kind)).toEqual([
      undefined,
      undefined,
      undefined,
      "saturated",
    ]);
    expect(readers[3]?.outcome).toMatchObject({ retryAfterMs: 30_000 });
  });

  test("sheds at once what could not begin within its caller's time", async () => {
    join({ a: undefined }, 1);
    ask();
    await clock.advance(5000);
    finish("a", 0);
    await settled();
    ask();
    const hasty = ask({ limits: { timeoutMs: 4000 } });
    const patient = ask({ limits: { timeoutMs: 60_000 } });
    await settled();
    expect(hasty.outcome).toMatchObject({ kind: "saturated" });
    expect(patient.outcome).toBeUndefined();
  });

  test("gives up what has waited for too long", async () => {
    open({ queueTimeoutMs: 1000 });
    join({ a: undefined }, 1);
    ask();
    const waiting = ask();
    await clock.advance(999);
    expect(waiting.outcome).toBeUndefined();
    await clock.advance(1);
    await settled();
    expect(waiting.outcome).toMatchObject({ kind: "queue_expired" });
  });

  test("lets nobody overtake those who wait, even when room has come without a word", async () => {
    join({ a: undefined, b: undefined }, 1);
    for (let index = 0; index < 5; index++) fleet.reserve("a", "m").leave({ error: failed() });
    await clock.advance(100);
    ask();
    ask({}, "first");
    await clock.advance(4950);
    expect(begun("a")).toEqual([]);
    ask({}, "second");
    expect(begun("a")).toEqual(["g2"]);
  });

  test("lets those who wait for an ejected node's rest to end go on when it has", async () => {
    join({ a: undefined, b: undefined }, 1);
    for (let index = 0; index < 5; index++) fleet.reserve("a", "m").leave({ error: failed() });
    ask();
    ask();
    await settled();
    expect(begun("a")).toEqual([]);
    await clock.advance(5500);
    expect(begun("a")).toEqual(["g2"]);
  });
});

describe("a model without a free node", () => {
  test("is unknown when nobody ever served it", async () => {
    join({ a: answering("x") });
    const reader = ask({ model: "gpt-9" });
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "model_not_found" });
  });

  test("is without nodes when the last one has left", async () => {
    join({ a: answering("x") });
    relays.a!.close(lost());
    fleet.list(new Map());
    await settled();
    const reader = ask();
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "no_nodes" });
  });

  test("waits a moment for a node that is known but not connected", async () => {
    fleet.list(new Map([["a", nodeOf("a")]]));
    const lucky = ask();
    await clock.advance(500);
    fleet.connect("a", fakeRelay(answering("x")));
    await settled();
    expect(lucky.outcome).toBe("finished");
  });

  test("is without nodes when that node does not come", async () => {
    fleet.list(new Map([["a", nodeOf("a")]]));
    const reader = ask();
    await clock.advance(1000);
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "no_nodes", retryAfterMs: 5000 });
  });

  test("is refused at once to those who wait when the last node leaves for good", async () => {
    join({ a: undefined }, 1);
    ask();
    const waiting = ask();
    fleet.report("a", relays.a!, relays.a!.setLoad({ draining: true }));
    await settled();
    expect(waiting.outcome).toMatchObject({ kind: "no_nodes" });
  });
});

describe("the deadline", () => {
  test("ends a generation in the queue", async () => {
    join({ a: undefined }, 1);
    ask();
    const reader = ask({ limits: { timeoutMs: 500 } });
    await clock.advance(500);
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "deadline" });
  });

  test("ends a generation at the node, before and after its first token", async () => {
    join({ a: undefined }, 2);
    const readers = [ask({ limits: { timeoutMs: 500 } }), ask({ limits: { timeoutMs: 500 } })];
    for (const event of [started(), delta("x")]) relays.a!.asked[1]!.events.push(event);
    await clock.advance(500);
    await settled();
    expect(readers.map(({ outcome }) => (outcome as MeshError).kind)).toEqual(["deadline", "deadline"]);
    expect(relays.a!.open).toBe(0);
    expect(begun("a")).toHaveLength(2);
  });

  test("leaves no timer behind", async () => {
    join({ a: answering("x") });
    ask({ limits: { timeoutMs: 4_000_000_000 } });
    await settled();
    expect(clock.pending).toBe(0);
  });
});

describe("the pipeline", () => {
  test.each<[string, MessageInitShape<typeof GenerationSchema>]>([
    ["model", { model: "" }],
    ["messages", { messages: [] }],
    ["raw_prompt", { messages: [], rawPrompt: {} }],
    ["raw_prompt", { messages: [], rawPrompt: { prompt: { case: "tokens", value: { ids: [] } } } }],
    ["raw_prompt", { rawPrompt: { prompt: { case: "text", value: "Once" } } }],
    ["sampling.temperature", { sampling: { temperature: 2.5 } }],
    ["sampling.top_p", { sampling: { topP: Number.NaN } }],
    ["limits.max_tokens", { limits: { maxTokens: 0 } }],
    ["limits.timeout_ms", { limits: { timeoutMs: 0 } }],
    ["sampling.repetition_penalty", { sampling: { repetitionPenalty: 0 } }],
    ["limits.stop", { limits: { stop: ["a", "b", "c", "d", "e"] } }],
    ["logprobs.top", { logprobs: { top: 21 } }],
    ["sampling.logit_bias[7]", { sampling: { logitBias: { 7: 101 } } }],
    ["tools", { tools: [{ name: "f" }, { name: "f" }] }],
    ["tool_choice.allowed_names", { tools: [{ name: "f" }], toolChoice: { allowedNames: ["g"] } }],
  ])("refuses a wrong %s before any node is asked", async (param, fields) => {
    join({ a: answering("x") });
    const reader = ask(fields);
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "invalid_request", param });
    expect(begun("a")).toEqual([]);
  });

  test("takes nothing new once it drains, and is idle when the last answer has ended", async () => {
    join({ a: undefined });
    const reader = ask();
    pipeline.refuseNew();
    const late = ask();
    let idle = false;
    void pipeline.open.whenIdle(60_000, clock).then(() => (idle = true));
    await settled();
    expect(late.outcome).toMatchObject({ kind: "saturated" });
    expect(idle).toBe(false);
    finish("a", 0);
    await settled();
    expect([reader.outcome, idle]).toEqual(["finished", true]);
    expect(clock.pending).toBe(0);
  });

  test("waits no longer than its grace for the last answers", async () => {
    join({ a: undefined });
    ask();
    let idle = false;
    void pipeline.open.whenIdle(1000, clock).then(() => (idle = true));
    await clock.advance(1000);
    await settled();
    expect(idle).toBe(true);
  });

  test("writes one line for each generation, with what it took and without what it said", async () => {
    join({ a: undefined }, 1);
    ask();
    ask({ model: "gpt-9" });
    const third = ask();
    await clock.advance(100);
    finish("a", 0);
    await settled();
    await clock.advance(50);
    third.leave.abort();
    await settled();
    expect(lines.map(({ time, level, service, ...line }) => line)).toEqual([
      {
        request_id: "r2",
        generation_id: "g2",
        model: "gpt-9",
        user_id: "u",
        outcome: "model_not_found",
        queued_ms: 0,
        duration_ms: 0,
        msg: "generation failed",
      },
      {
        request_id: "r1",
        generation_id: "g1",
        model: "m",
        node_id: "a",
        user_id: "u",
        outcome: "stop",
        prompt_tokens: 0,
        completion_tokens: 2,
        queued_ms: 0,
        first_token_ms: 100,
        duration_ms: 100,
        msg: "generation finished",
      },
      {
        request_id: "r3",
        generation_id: "g3",
        model: "m",
        node_id: "a",
        user_id: "u",
        outcome: "cancelled",
        queued_ms: 100,
        duration_ms: 150,
        msg: "generation failed",
      },
    ]);
  });
});
