/** What the system says to a process, and how the process ends; a port, so that tests can play the system. */
export interface ProcessHost {
  /** Calls back with the name of each signal that asks the process to end; returns the way to stop. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
  /** Calls back with each error that nobody caught; returns the way to stop. */
  onBug(listener: (error: unknown) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The signals that ask a process to end, with the exit code of a process that dies of them. */
export const endSignals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type EndSignal = keyof typeof endSignals;

/** The process itself. */
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
