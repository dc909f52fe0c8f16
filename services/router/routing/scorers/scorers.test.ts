import { expect, test } from "vitest";
import { candidateOf } from "../../../../test/support/router/router.ts";
import type { Candidate } from "../candidate.ts";
import { type Figures, readFigures } from "../figures.ts";
import { expectedWait, expectWaitsMs } from "./expected-wait.ts";
import { idleness } from "./idleness.ts";
import { pace } from "./pace.ts";
import type { Scorer } from "./scorer.ts";

const figures = (...fields: Partial<Candidate>[]) =>
  readFigures(fields.map((each, index) => candidateOf(`n${index}`, each)));

const scoresOf = (scorer: Scorer, all: Figures): Float64Array => {
  const scores = new Float64Array(all.count);
  scorer.score(all, scores);
  return scores;
};
const waitsOf = (all: Figures): Float64Array => {
  const waits = new Float64Array(all.count);
  expectWaitsMs(all, waits);
  return waits;
};

test.each([
  { occupied: 0, waitMs: 100, because: "a free slot waits only for the first token" },
  { occupied: 3, waitMs: 100, because: "the last slot is still free" },
  { occupied: 4, waitMs: 350, because: "one of four slots frees every quarter of a service time" },
  { occupied: 7, waitMs: 1100, because: "three wait in front" },
])("expects $waitMs ms with $occupied of 4 slots taken: $because", ({ occupied, waitMs }) => {
  const waits = waitsOf(figures({ occupied, slots: 4, firstTokenMs: 100, serviceMs: 1000 }));
  expect([...waits]).toEqual([waitMs]);
});

test("takes the least known speed for nodes of which nothing is known", () => {
  const waits = waitsOf(figures({ firstTokenMs: 300 }, {}, { firstTokenMs: 100 }));
  expect([...waits]).toEqual([300, 100, 100]);
});

test("rates expected waits by their ratio to the shortest, and hardly sees differences of noise", () => {
  const scores = scoresOf(
    expectedWait,
    figures({ firstTokenMs: 990 }, { firstTokenMs: 1990 }, { firstTokenMs: 991 }),
  );
  expect(scores[0]).toBe(1);
  expect(scores[1]).toBeCloseTo(0.5);
  expect(scores[2]).toBeGreaterThan(0.99);
});

test("rates pace by ratio, an unknown pace as the best", () => {
  const scores = scoresOf(pace, figures({ tokenMs: 8 }, { tokenMs: 18 }, {}));
  expect([...scores]).toEqual([1, 0.5, 1]);
});

test("rates idleness by the share of free slots, never below 0", () => {
  const scores = scoresOf(
    idleness,
    figures({ occupied: 0, slots: 4 }, { occupied: 1, slots: 4 }, { occupied: 9, slots: 4 }),
  );
  expect([...scores]).toEqual([1, 0.75, 0]);
});

test("has nothing to say of no nodes", () => {
  for (const scorer of [expectedWait, pace, idleness])
    expect(() => scoresOf(scorer, figures())).not.toThrow();
});
