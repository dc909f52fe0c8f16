import { type Clock, systemClock, type Timer } from "../clock.ts";
import { flushLogs, type Log } from "../telemetry/log.ts";
import { type Lifecycle, type Part, stopParts } from "./lifecycle.ts";
import { exitCodes } from "./user-fault.ts";

/** How to run a service. */
export interface ServiceOptions {
  /** Starts everything, and adds to the lifecycle what has to be stopped. Throws when that fails. */
  readonly start: (lifecycle: Lifecycle) => Promise<void>;
  readonly log: Log;
  /** How long open work may take when the process is asked to end, in milliseconds. */
  readonly graceMs: number;
  readonly clock?: Clock;
  readonly host?: ProcessHost;
}

/** Signals, uncaught errors and exit of a process; an interface, so that tests can stand in for the system. */
export interface ProcessHost {
  /** Calls back with each signal that asks the process to end; returns a function that stops it. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
  /** Calls back with each uncaught error; returns a function that stops it. */
  onBug(listener: (error: unknown) => void): () => void;
  exit(code: number): void;
}

/** The signals that ask a process to end, with the exit code after a second one. */
const endSignals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type EndSignal = keyof typeof endSignals;

/** Signals within this time of the first, in milliseconds, are the same: a Ctrl-C may come from terminal and npm. */
export const samePressMs = 250;
/** How long parts get to fail open work once no grace is left, in milliseconds. */
export const hurryLimitMs = 2000;

/**
 * Runs a service until a signal asks it to end.
 *
 *     starting ──started──▶ running ──signal──▶ stopping ──▶ 0
 *        │ signal: aborts the start, then stopping             │ second signal: open work fails, 130 or 143
 *        │                                                     │ third signal: the same code, at once
 *        │ start throws: what is up is stopped, rethrown        │ a part did not stop cleanly: 1
 *        ├ a part fails for good, at any time: stopping, rethrown
 *        └ an uncaught error, at any time: logged as a bug, then stopping ──▶ 1
 *
 * A SIGHUP only starts to stop: when a terminal is closed, the system and npm's wrapper send several. Resolves to the
 * exit code when everything has stopped.
 */
export async function runService(options: ServiceOptions): Promise<number> {
  const { log, graceMs, clock = systemClock, host = processHost } = options;
  const parts: Part[] = [];
  const ending = new AbortController();
  const asked = new Promise<void>((resolve) =>
    ending.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  const hurry = new AbortController();
  let askedAt = 0;
  let bugs = 0;
  let forced: EndSignal | undefined;
  let late: Timer | undefined;

  let failure: { readonly error: unknown } | undefined;
  const fail = (error: Error) => {
    failure ??= { error };
    askedAt = clock.now();
    ending.abort(new EndRequested("failure"));
  };

  const offSignal = host.onSignal((signal) => {
    if (!ending.signal.aborted) {
      askedAt = clock.now();
      log.info(describeStop(signal, graceMs));
      ending.abort(new EndRequested(signal));
    } else if (signal !== "SIGHUP" && clock.now() - askedAt >= samePressMs) {
      const exit = () => {
        flushLogs();
        host.exit(endSignals[signal]);
      };
      if (forced !== undefined) return exit();
      log.warn(`${signal} again: stopping at once; open answers end with an error`);
      askedAt = clock.now();
      forced = signal;
      late = clock.after(hurryLimitMs, exit);
      hurry.abort();
    }
  });
  const offBug = host.onBug((error) => {
    bugs++;
    log.fatal({ err: error }, "uncaught error: this is a bug; stopping");
    askedAt = clock.now();
    ending.abort(new EndRequested("bug"));
  });

  // The clock's timers do not keep a process alive, and a service may have nothing else that does.
  const alive = setInterval(() => {}, 60_000);
  try {
    await options.start({ signal: ending.signal, add: (part) => void parts.push(part), fail });
    await asked;
  } catch (error) {
    // An error after the abort comes from the abort.
    if (ending.signal.aborted) log.debug({ err: error }, "startup aborted");
    else failure = { error };
  }
  const fine = await stopParts({
    parts,
    graceMs: failure === undefined ? graceMs : 0,
    hurry: hurry.signal,
    clock,
    log,
  });
  late?.cancel();
  clearInterval(alive);
  offSignal();
  offBug();
  if (failure !== undefined) throw failure.error;
  if (forced !== undefined) return endSignals[forced];
  return fine && bugs === 0 ? exitCodes.ok : exitCodes.failed;
}

/** Why the process ends; the reason of the lifecycle's signal. */
export class EndRequested extends Error {
  override readonly name = "EndRequested";
  constructor(cause: EndSignal | "failure" | "bug") {
    super(`The process was asked to end (${cause}).`);
  }
}

const describeStop = (signal: EndSignal, graceMs: number): string =>
  `${signal}: stopping; open answers may take up to ${graceMs / 1000} s to finish, a second ${signal === "SIGINT" ? "Ctrl-C" : "SIGTERM"} ends them at once`;

const processHost: ProcessHost = {
  onSignal(listener) {
    const names = Object.keys(endSignals) as EndSignal[];
    for (const name of names) process.on(name, listener);
    return () => {
      for (const name of names) process.off(name, listener);
    };
  },
  onBug(listener) {
    process.on("uncaughtException", listener);
    process.on("unhandledRejection", listener);
    return () => {
      process.off("uncaughtException", listener);
      process.off("unhandledRejection", listener);
    };
  },
  exit: (code) => process.exit(code),
};
