import type { Clock } from "../clock.ts";
import type { Log } from "../telemetry/log.ts";

/** What everybody hears of a service that ends: probes, callers and whoever is connected to it. */
export const shuttingDown = "The service is shutting down.";

/** A part of a running process, such as a server. */
export interface Part {
  /** What the log calls it, such as `translator`. */
  readonly name: string;
  /** Takes nothing new and resolves when what is open has ended, or after `graceMs` at the latest. */
  readonly drain?: (graceMs: number) => Promise<void>;
  /** Ends what is left and lets go of everything. */
  readonly stop?: () => Promise<void> | void;
}

/** What a starting service sees of the process that it runs in. */
export interface Lifecycle {
  /** Aborts as soon as the process is asked to end; for whatever waits while starting. */
  readonly signal: AbortSignal;
  /** Adds a part, once it has to be stopped. The last one added is stopped first. */
  add(part: Part): void;
  /** Ends the service although nobody asked for it: what has happened cannot be mended by waiting. */
  fail(error: Error): void;
}

/** How parts are stopped. */
export interface StopOptions {
  readonly parts: readonly Part[];
  /** For all parts together, in milliseconds. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a part that does not stop may take, in milliseconds, before the next one is stopped. */
export const stopLimitMs = 5000;
/** While draining, the log says what is waited for, so often, in milliseconds. */
export const reminderMs = 5000;

/**
 * Drains and stops parts one after the other, the last one first. A part that fails, or hangs, does not keep the
 * others from being stopped. Resolves to whether all went well.
 */
export async function stopParts({ parts, graceMs, clock, log }: StopOptions): Promise<boolean> {
  const deadline = clock.now() + graceMs;
  let fine = true;
  for (const { name, drain, stop } of parts.toReversed()) {
    const remainingMs = () => Math.max(0, deadline - clock.now());
    const reminder = clock.every(reminderMs, () => {
      log.info(`still waiting for the ${name}, for at most ${Math.ceil(remainingMs() / 1000)} s`);
    });
    try {
      // A drain keeps its time by itself; one that does not is left behind.
      await limited(clock, remainingMs() + stopLimitMs, () => drain?.(remainingMs()));
      await limited(clock, stopLimitMs, () => stop?.());
      log.debug(`the ${name} has stopped`);
    } catch (error) {
      fine = false;
      log.error({ err: error }, `the ${name} did not stop cleanly`);
    } finally {
      reminder.cancel();
    }
  }
  return fine;
}

/** Runs a step, but waits for no longer than the limit. */
async function limited(
  clock: Clock,
  limitMs: number,
  step: () => Promise<void> | void | undefined,
): Promise<void> {
  let giveUp = () => {};
  const late = new Promise<never>((_, reject) => {
    const timer = clock.after(limitMs, () => reject(new Error(`It took more than ${limitMs} ms.`)));
    giveUp = () => timer.cancel();
  });
  try {
    await Promise.race([step(), late]);
  } finally {
    giveUp();
  }
}
