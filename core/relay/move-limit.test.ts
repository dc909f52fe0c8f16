import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MoveLimit } from "./move-limit.ts";

const silent = (id: string, hasBegun: boolean) => ({
  generation: create(GenerationSchema, { id }),
  hasBegun,
  silentMs: 2000,
});

test("suspicion moves a generation that has shown nothing once, and one that has three times", () => {
  const limit = new MoveLimit();
  const move = (id: string, hasBegun: boolean) => limit.tryMove(silent(id, hasBegun), () => true);
  expect([move("fresh", false), move("fresh", false)]).toEqual([true, false]);
  expect([move("fresh", true), move("fresh", true), move("fresh", true)]).toEqual([true, true, false]);
  expect(move("other", false)).toBe(true);
});

test("a generation that nothing can take has not moved", () => {
  const limit = new MoveLimit();
  expect(limit.tryMove(silent("a", false), () => false)).toBe(false);
  expect(limit.tryMove(silent("a", false), () => true)).toBe(true);
});
