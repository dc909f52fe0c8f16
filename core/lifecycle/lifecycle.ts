import type { Clock } from "../clock.ts";
import type { Log } from "../telemetry/log.ts";

/** What probes, callers and peers are told by a service that shuts down. */
export const shuttingDown = "The service is shutting down.";

/** A part of a running process, such as a server. */
export interface Part {
  readonly name: string;
  /** Refuses new work; resolves when open work has ended, after `graceMs` at the latest. */
  readonly drain?: (graceMs: number) => Promise<void>;
  /** Ends open work and releases everything; also while it drains, when that may not go on. */
  readonly stop?: () => Promise<void> | void;
}

/** What a service sees of its process. */
export interface Lifecycle {
  /** Aborts when the process is asked to end; for waits during the start. */
  readonly signal: AbortSignal;
  /** The last one added is stopped first. */
  add(part: Part): void;
  /** Ends the service for an error that waiting does not fix. */
  fail(error: Error): void;
}

/** How parts are stopped. */
export interface StopOptions {
  readonly parts: readonly Part[];
  /** For all parts together, in milliseconds. */
  readonly graceMs: number;
  /** When it aborts, no grace is left. */
  readonly hurry: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a part may take to stop before the next one is stopped, in milliseconds. */
export const stopLimitMs = 5000;
/** The period in which the log says what a drain waits for, in milliseconds. */
export const reminderMs = 5000;

/** Drains and stops parts, the last one first, even if one fails or hangs. Resolves to whether all stopped cleanly. */
export async function stopParts({ parts, graceMs, hurry, clock, log }: StopOptions): Promise<boolean> {
  const deadline = clock.now() + graceMs;
  const hurried = new Promise<void>((resolve) => {
    hurry.addEventListener("abort", () => resolve(), { once: true });
  });
  let fine = true;
  for (const { name, drain, stop } of parts.toReversed()) {
    const remainingMs = () => Math.max(0, deadline - clock.now());
    const reminder = clock.every(reminderMs, () => {
      log.info(`still waiting for the ${name}, for at most ${Math.ceil(remainingMs() / 1000)} s`);
    });
    try {
      // A drain keeps its own time; one that does not is abandoned.
      if (!hurry.aborted)
        await limited(clock, remainingMs() + stopLimitMs, () =>
          Promise.race([hurried, drain?.(remainingMs())]),
        );
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
