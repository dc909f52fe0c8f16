import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { needsOf } from "../../../core/generation/capabilities.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import { FinishedSchema, FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { fakeRelay, generationOf, nodeOf } from "../../../test/support/router/router.ts";
import { pick } from "../routing/pick.ts";
import { profiles } from "../routing/profile.ts";
import { Fleet } from "./fleet.ts";

/** How a simulated node does. */
interface Conduct {
  /** In [0, 1]. */
  readonly failureRate?: number;
  readonly firstTokenMs?: number;
}

let clock: FakeClock;
let fleet: Fleet;
let lines: Record<string, unknown>[];
let conducts: Map<string, Conduct>;

beforeEach(() => reset());

function reset(): void {
  clock = new FakeClock();
  lines = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  fleet = new Fleet({ clock, log: createLog({ service: "router", write, pretty: false }) });
  conducts = new Map();
}

function join(nodes: Record<string, Conduct>): void {
  conducts = new Map(Object.entries(nodes));
  fleet.list(new Map(Object.keys(nodes).map((id) => [id, nodeOf(id, {}, { slots: 4 })])));
  for (const id of conducts.keys()) fleet.connect(id, fakeRelay());
}

/** Small, fast and seeded. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One generation from its pick to its end, with what becomes of it at that node. */
async function answer(number: number, random: () => number, counts: Map<string, number>): Promise<void> {
  const generation = generationOf({ id: `g${number}` });
  const request = { generation, needs: needsOf(generation), tried: [] };
  const { id } = pick(request, fleet.candidates("m"), profiles.interactive)!.node;
  counts.set(id, (counts.get(id) ?? 0) + 1);
  const { failureRate = 0, firstTokenMs = 100 } = conducts.get(id)!;
  const fails = random() < failureRate;
  const reservation = fleet.reserve(id, "m");
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  await wait(firstTokenMs * (0.8 + 0.4 * random()));
  if (fails) return reservation.leave({ error: new MeshError("engine_failed", "The engine failed.") });
  reservation.markFirstToken(() => 20);
  await wait(400);
  const usage = { promptTokens: 5, completionTokens: 20 };
  reservation.leave({ finished: create(FinishedSchema, { reason: FinishReason.STOP, usage }) });
}

/** Asks `perSecond` times a second; the generations that each node had, and the most that were ejected at a time. */
async function load(seconds: number, perSecond: number, random: () => number) {
  const counts = new Map<string, number>();
  let mostEjected = 0;
  for (let number = 0; number < seconds * perSecond; number++) {
    void answer(number, random, counts);
    await clock.advance(1000 / perSecond);
    mostEjected = Math.max(mostEjected, out().length);
  }
  await clock.advance(20_000);
  return { counts, mostEjected };
}

const out = () =>
  fleet
    .candidates("m")
    .filter(({ ejected }) => ejected !== undefined)
    .map(({ node }) => node.id);
const ejections = () => lines.filter(({ msg }) => msg === "node ejected").map(({ node_id }) => node_id);

const seeds = { numRuns: 20, seed: 1 };

describe("a fleet of four", () => {
  test("ejects a node that fails 30 % of its generations within ten seconds, and no other", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        reset();
        const random = randomFrom(seed);
        join({ a: {}, b: { failureRate: 0.3 }, c: {}, d: {} });
        await load(10, 24, random);
        expect(new Set(ejections())).toEqual(new Set(["b"]));
      }),
      seeds,
    );
  });

  test("ejects a node whose first tokens take ten times as long within ten seconds, and no other", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        reset();
        join({ a: {}, b: {}, c: { firstTokenMs: 3000 }, d: {} });
        await load(10, 24, randomFrom(seed));
        expect(new Set(ejections())).toEqual(new Set(["c"]));
      }),
      seeds,
    );
  });

  test("ejects none for failures that are as rare everywhere, in ten minutes", async () => {
    const rare = { failureRate: 0.02 };
    join({ a: rare, b: rare, c: rare, d: rare });
    await load(600, 10, randomFrom(7));
    expect(ejections()).toEqual([]);
  });

  test("ejects none when all fail 30 %, because then it is not the node", async () => {
    const bad = { failureRate: 0.3 };
    join({ a: bad, b: bad, c: bad, d: bad });
    const { mostEjected } = await load(60, 24, randomFrom(7));
    expect(mostEjected).toBeLessThanOrEqual(2);
  });

  test("never ejects more than half, however many are bad", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.constantFrom(0, 0.3, 0.6, 1), { minLength: 2, maxLength: 9 }),
        async (seed, rates) => {
          reset();
          join(Object.fromEntries(rates.map((failureRate, index) => [`n${index}`, { failureRate }])));
          const { mostEjected } = await load(10, 40, randomFrom(seed));
          expect(2 * mostEjected).toBeLessThanOrEqual(rates.length);
        },
      ),
      seeds,
    );
  });
});

describe("an ejected node", () => {
  test("gets few generations while it is bad, ever fewer, and its share again once it is well", async () => {
    const random = randomFrom(3);
    join({ a: {}, b: { failureRate: 0.5 } });
    await load(10, 24, random);
    const bad = await load(120, 24, random);
    // Ejected for 5, 10, 20, 40 and 80 s; between them one at a time.
    expect(bad.counts.get("b")).toBeLessThan(200);
    conducts.set("b", {});
    await clock.advance(300_000);
    const well = await load(60, 24, random);
    expect(well.counts.get("b")).toBeGreaterThan(300);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "node returned after its ejection", node_id: "b" }),
    );
  });
});
