import { expect, test } from "vitest";
import { Average } from "./average.ts";

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
