import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { usageOf } from "../../../test/support/inference/fake-engine.ts";
import { makeGuard, read, settle } from "../../../test/support/inference/guard.ts";

test("tokens are counted while they come, and answers when they end", async () => {
  const { guard, engine } = await makeGuard();
  const reading = read(guard);
  await settle();
  engine.runs[0]!.send(startedEvent("", ""));
  engine.runs[0]!.send(textEvent("two words", [1, 2]));
  await settle();
  expect(guard.counters).toEqual({ answers: 0, failures: 0, tokens: 2 });
  engine.runs[0]!.send(finishedEvent(FinishReason.STOP, usageOf(2)));
  expect(await reading.ended).toBeUndefined();
  expect(guard.counters).toEqual({ answers: 1, failures: 0, tokens: 2 });
});

test("without ids each delta counts as a token until the engine says how many there were", async () => {
  const { guard, engine } = await makeGuard();
  const reading = read(guard);
  await settle();
  engine.runs[0]!.send(startedEvent("", ""));
  engine.runs[0]!.send(textEvent("several words at once", []));
  await settle();
  expect(guard.counters.tokens).toBe(1);
  engine.runs[0]!.send(finishedEvent(FinishReason.STOP, usageOf(4)));
  expect(await reading.ended).toBeUndefined();
  expect(guard.counters).toEqual({ answers: 1, failures: 0, tokens: 4 });
});

test("what was given before a failure stays counted; a caller's own fault is no failure of the node", async () => {
  const { guard, engine } = await makeGuard();
  const readings = [read(guard), read(guard)];
  await settle();
  for (const run of engine.runs) {
    run.send(startedEvent("", ""));
    run.send(textEvent("a", [1]));
  }
  await settle();
  engine.runs[0]!.fail(new MeshError("engine_failed", "Broken."));
  engine.runs[1]!.fail(new MeshError("invalid_request", "Too long."));
  await Promise.all(readings.map(({ ended }) => ended));
  expect(guard.counters).toEqual({ answers: 0, failures: 1, tokens: 2 });
});
