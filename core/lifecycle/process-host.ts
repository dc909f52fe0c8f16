/** Signals, uncaught errors and exit of a process; an interface, so that tests can stand in for the system. */
export interface ProcessHost {
  /** Calls back with each signal that asks the process to end; returns a function that stops it. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
  /** Calls back with each uncaught error; returns a function that stops it. */
  onBug(listener: (error: unknown) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The signals that ask a process to end, with the exit code of a process that one kills. */
export const endSignals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type EndSignal = keyof typeof endSignals;

/** This process. */
export const processHost: ProcessHost = {
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
