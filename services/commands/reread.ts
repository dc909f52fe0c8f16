import type { Clock } from "../../core/clock.ts";
import type { Part } from "../../core/lifecycle/lifecycle.ts";
import type { Log } from "../../core/telemetry/log.ts";

/** What stands in files that may change while a process runs. */
export interface FromFiles<T> {
  /** What it is, in the plural, for the log. */
  readonly name: string;
  /** What is in use. */
  readonly current: () => T;
  /** Reads the files. Throws what is wrong with them. */
  readonly read: () => T;
  /** Puts what was read in place of what is in use. Throws when that cannot be. */
  readonly replace: (fresh: T) => void;
}

/** What reading again needs. */
export interface RereadSurroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** How often files are read again, in milliseconds: who renews certificates need not restart anything. */
const rereadMs = 60_000;

/**
 * Keeps something as fresh as its files, until it is stopped. Files that went wrong leave what is in use, and are told
 * once.
 */
export function reread<T>(
  { name, current, read, replace }: FromFiles<T>,
  { clock, log }: RereadSurroundings,
): Part {
  let told = "";
  const timer = clock.every(rereadMs, () => {
    try {
      const fresh = read();
      if (JSON.stringify(fresh) !== JSON.stringify(current())) {
        replace(fresh);
        log.info(`${name} reloaded`);
      }
      told = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== told) log.warn({ err: error }, rereadFault(name, message));
      told = message;
    }
  });
  return { name, stop: () => timer.cancel() };
}

const rereadFault = (name: string, fault: string): string =>
  `${name} cannot be reloaded, so the previous ones stay in use: ${fault.replace(/\.$/, "")}. Once the files are fixed, they are loaded within a minute without a restart.`;
