import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { advance, away, startNode } from "../../../test/support/inference/node.ts";
import { nodeMessages } from "./messages.ts";
import { type Sleep, watchForSleep } from "./sleep-watch.ts";

/** A watch on a clock whose machine can sleep: `uptime.extraMs` grows while the clock stands still. */
function watch() {
  const clock = new FakeClock();
  const uptime = { extraMs: 0 };
  const sleeps: Sleep[] = [];
  const stop = watchForSleep(
    clock,
    (sleep) => sleeps.push(sleep),
    () => clock.now() + uptime.extraMs,
  );
  return { clock, uptime, sleeps, stop };
}

describe("a sleep", () => {
  test("of the machine shows in the time since its start, though the clock stood still", async () => {
    const { clock, uptime, sleeps } = watch();
    await clock.advance(5000);
    uptime.extraMs = 3_600_000;
    await clock.advance(5000);
    expect(sleeps).toEqual([{ lengthMs: 3_600_000, suspended: true }]);
  });

  test("of the process shows in timers that are late", async () => {
    const { clock, sleeps } = watch();
    const late = clock.now.bind(clock);
    let heldUpMs = 0;
    clock.now = () => late() + heldUpMs;
    await clock.advance(1000);
    heldUpMs = 4000;
    await clock.advance(1000);
    expect(sleeps).toEqual([{ lengthMs: 4000, suspended: false }]);
  });

  test("is not seen in a short delay, nor after the watch was stopped", async () => {
    const { clock, uptime, sleeps, stop } = watch();
    uptime.extraMs = 1900;
    await clock.advance(5000);
    stop();
    uptime.extraMs = 3_600_000;
    await clock.advance(5000);
    expect(sleeps).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe("a node whose machine slept", () => {
  test("registers and attaches anew at once, and says so", async () => {
    const { clock, machine, registry, routers, lines } = await startNode();
    const before = routers[0].relay;
    machine.asleepMs = 60_000;
    await advance(clock, 1000);
    expect(registry.registered).toHaveLength(2);
    await advance(clock, 250);
    expect(routers[0].hellos).toEqual(["node-1 lease-1", "node-1 lease-2"]);
    expect(lines.filter(({ msg }) => msg === nodeMessages.awake)).toHaveLength(1);
    expect(await before.closed).toMatchObject({ kind: "node_lost" });
  });

  test("is attached again within a first wait, however long it had been trying before", async () => {
    const { clock, machine, routers } = await startNode();
    const [router] = routers;
    router.refuses = away;
    router.relay.close(away);
    await advance(clock, 59_999);
    const { length } = router.hellos;
    machine.asleepMs = 60_000;
    await advance(clock, 1);
    expect(router.hellos).toHaveLength(length);
    await advance(clock, 250);
    expect(router.hellos).toHaveLength(length + 1);
    await advance(clock, 500);
    expect(router.hellos).toHaveLength(length + 2);
  });
});
