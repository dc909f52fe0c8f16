import type { Clock } from "../../core/clock.ts";
import type { Part } from "../../core/lifecycle/lifecycle.ts";
import type { Log } from "../../core/telemetry/log.ts";

/** A value from files that may change while the process runs. */
export interface FromFiles<T> {
  /** Its name in the log, plural. */
  readonly name: string;
  readonly current: () => T;
  /** Reads the files; throws when they are faulty. */
  readonly read: () => T;
  /** Uses a new value; throws when that fails. */
  readonly replace: (fresh: T) => void;
}

export interface RereadSurroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** The period of reading, in milliseconds: new certificates need no restart. */
const rereadMs = 60_000;

/** Reloads a value when its files change. A fault is logged once, and the former value stays in use. */
export function reread<T>(
  { name, current, read, replace }: FromFiles<T>,
  { clock, log }: RereadSurroundings,
): Part {
  let logged = "";
  const timer = clock.every(rereadMs, () => {
    try {
      const fresh = read();
      if (JSON.stringify(fresh) !== JSON.stringify(current())) {
        replace(fresh);
        log.info(`${name} reloaded`);
      }
      logged = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== logged) log.warn({ err: error }, rereadFault(name, message));
      logged = message;
    }
  });
  return { name, stop: () => timer.cancel() };
}

const rereadFault = (name: string, fault: string): string =>
  `${name} cannot be reloaded, so the previous ones stay in use: ${fault.replace(/\.$/, "")}. Once the files are fixed, they are loaded within a minute without a restart.`;
