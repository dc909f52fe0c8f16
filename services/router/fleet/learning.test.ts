import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { Average } from "./average.ts";
import { Outlier } from "./outlier.ts";

test("an average begins with its first sample and leans to the later ones", () => {
  const average = new Average();
  expect(average.read(0)).toBeUndefined();
  average.add(100, 0);
  expect(average.read(0)).toBe(100);
  for (let index = 0; index < 20; index++) average.add(200, 0);
  expect(average.read(0)).toBeGreaterThan(195);
});

test("an average is forgotten by half each minute, so that a node that was slow is tried again", () => {
  const average = new Average();
  average.add(1000, 0);
  expect(average.read(999)).toBe(1000);
  expect(average.read(60_000)).toBeCloseTo(500);
  expect(average.read(120_000)).toBeCloseTo(250);
});

const yes = () => true;
const failure = () => new MeshError("engine_failed", "It failed.");

function failTimes(outlier: Outlier, times: number, now: number): boolean[] {
  return Array.from({ length: times }, () => outlier.fail(failure(), now, yes));
}

test("a node is ejected after five failures in a row, and again, twice as long, after one more", () => {
  const outlier = new Outlier();
  expect(failTimes(outlier, 5, 0)).toEqual([false, false, false, false, true]);
  expect(outlier.ejectedForMs(0)).toBe(5000);
  expect(outlier.ejectedForMs(5000)).toBe(0);
  expect(outlier.fail(failure(), 5000, yes)).toBe(true);
  expect(outlier.ejectedForMs(5000)).toBe(10_000);
});

test("a success clears the count", () => {
  const outlier = new Outlier();
  failTimes(outlier, 4, 0);
  outlier.succeed(0);
  expect(failTimes(outlier, 4, 0)).toEqual([false, false, false, false]);
});

test("a success after a time of health makes the next ejection short again", () => {
  const outlier = new Outlier();
  failTimes(outlier, 5, 0);
  outlier.fail(failure(), 5000, yes);
  outlier.succeed(60_000);
  failTimes(outlier, 5, 60_000);
  expect(outlier.ejectedForMs(60_000)).toBe(5000);
});

test("many generations that fail of one cause are one failure", () => {
  const outlier = new Outlier();
  const cause = new MeshError("node_lost", "The relay broke.");
  for (let index = 0; index < 50; index++)
    expect(outlier.fail(new MeshError("node_lost", "Lost.", { cause }), 0, yes)).toBe(false);
  for (let index = 0; index < 50; index++) expect(outlier.fail(cause, 0, yes)).toBe(false);
});

test("a node that may not be ejected stays, and is ejected at its next failure when it may", () => {
  const outlier = new Outlier();
  for (let index = 0; index < 9; index++) expect(outlier.fail(failure(), 0, () => false)).toBe(false);
  expect(outlier.fail(failure(), 0, yes)).toBe(true);
});
