import { uptime } from "node:os";
import type { Clock } from "../../../core/clock.ts";

/** How a sleep of the machine is noticed. */
export interface SleepWatchOptions {
  readonly clock: Clock;
  /** Milliseconds since the machine started, those asleep included; default: as the system tells. */
  readonly uptimeMs?: (() => number) | undefined;
  /** Called after each sleep. */
  readonly onWake: (sleep: Sleep) => void;
}

/** A time in which this process did nothing. */
export interface Sleep {
  /** In milliseconds. */
  readonly lengthMs: number;
  /**
   * Whether the whole machine slept, as far as can be told: its connections are best made anew. Otherwise the process
   * was stopped or starved, and its connections tell by themselves whether they still stand.
   */
  readonly suspended: boolean;
}

/** How often it is looked, in milliseconds. */
const periodMs = 1000;
/**
 * What counts as a sleep, in milliseconds. Routers give up on a node that is silent for longer than `silenceMs`, so
 * whatever was open then is lost already.
 */
export const shortestSleepMs = 2000;

/**
 * Notices that this machine was asleep, or that this process was stopped. A stopped process finds its timers late. A
 * machine that was suspended may not: its monotonic clock stood still as well (Linux), and only the time since its
 * start went on. The wall clock is no help, for people and the network set it. Returns the way to stop.
 */
export function watchForSleep({ clock, uptimeMs = systemUptimeMs, onWake }: SleepWatchOptions): () => void {
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

const systemUptimeMs = (): number => uptime() * 1000;
