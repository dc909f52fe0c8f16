import { uptime } from "node:os";
import type { Clock } from "../../../core/clock.ts";

/** A time in which this process did nothing. */
export interface Sleep {
  readonly lengthMs: number;
  /**
   * Whether the whole machine slept, so that connections are best replaced. Otherwise only the process was stopped or
   * starved, and connections show by themselves whether they are alive.
   */
  readonly suspended: boolean;
}

/** How often the clocks are compared, in milliseconds. */
const periodMs = 1000;
/** What counts as a sleep, in milliseconds: what was open is lost, since routers give up after `silenceMs`. */
export const shortestSleepMs = 2000;

/**
 * Notices that this machine was asleep, or this process stopped; returns how to stop watching. A stopped process
 * finds its timers late. On Linux the monotonic clock stops during suspend too, and only the uptime continues; the
 * wall clock can be set by people and the network.
 */
export function watchForSleep(
  clock: Clock,
  onWake: (sleep: Sleep) => void,
  uptimeMs = () => uptime() * 1000,
): () => void {
  let seen = { now: clock.now(), uptime: uptimeMs() };
  const timer = clock.every(periodMs, () => {
    const before = seen;
    seen = { now: clock.now(), uptime: uptimeMs() };
    const elapsedMs = seen.now - before.now;
    const upMs = seen.uptime - before.uptime;
    const lengthMs = Math.max(elapsedMs, upMs) - periodMs;
    if (lengthMs >= shortestSleepMs) onWake({ lengthMs, suspended: upMs - elapsedMs >= shortestSleepMs });
  });
  return () => timer.cancel();
}
