import { uptime } from "node:os";
import type { Clock } from "../../../core/clock.ts";

/** A time in which this process did nothing. */
export interface Sleep {
  readonly lengthMs: number;
  /** Whether the machine slept, so connections are best replaced; else the process stopped or starved. */
  readonly suspended: boolean;
}

/** How often the clocks are compared, in milliseconds. */
const periodMs = 1000;
/** What counts as a sleep, in milliseconds: what was open is lost, since routers give up after `silenceMs`. */
export const shortestSleepMs = 2000;

/**
 * Notices that the machine slept or the process stopped: timers are late, or the uptime went on while Linux's
 * monotonic clock stood still. Returns how to stop watching.
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
