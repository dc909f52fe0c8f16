import { beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../core/telemetry/log.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { fakeRelay, finished, nodeOf } from "../../test/support/router/router.ts";
import { Fleet } from "./fleet/fleet.ts";
import { listModels } from "./service.ts";

let clock: FakeClock;
let fleet: Fleet;
beforeEach(() => {
  clock = new FakeClock();
  fleet = new Fleet({ clock, log: silentLog });
  fleet.list(new Map(["a", "b", "c"].map((id) => [id, nodeOf(id)])));
  for (const id of ["a", "b", "c"]) fleet.connect(id, fakeRelay());
});

/** Lets a node answer with so many milliseconds between tokens. */
async function answer(nodeId: string, tokenMs: number, tokens = 5): Promise<void> {
  const reservation = fleet.reserve(nodeId, "m");
  reservation.markFirstToken(() => tokens);
  await clock.advance(tokenMs * (tokens - 1));
  reservation.leave({ finished: finished(tokens).event.value as never });
}

const speed = () => listModels(fleet)[0]?.tokensPerSecond;

describe("the speed of a model", () => {
  test("is not known before a node has answered, nor by an answer of one token", async () => {
    expect(speed()).toBeUndefined();
    await answer("a", 0, 1);
    expect(speed()).toBeUndefined();
  });

  test("is that of the middle one of the nodes that have answered", async () => {
    await answer("a", 10);
    expect(speed()).toBeCloseTo(100);
    await answer("b", 1000);
    expect(speed()).toBeCloseTo(1000 / 505);
    await answer("c", 20);
    expect(speed()).toBeCloseTo(50);
  });

  test("stays what it was while nobody asks, although the router soon gives a slow node another chance", async () => {
    await answer("a", 100);
    await clock.advance(3_600_000);
    expect(speed()).toBeCloseTo(10);
    expect(fleet.candidates("m")[0]?.tokenMs).toBeLessThan(1);
  });

  test("is not that of a node that has left", async () => {
    await answer("a", 10);
    await answer("b", 20);
    fleet.list(new Map(["b", "c"].map((id) => [id, nodeOf(id)])));
    expect(speed()).toBeCloseTo(50);
  });
});
