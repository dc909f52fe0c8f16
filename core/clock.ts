export interface Timer {
  /** Stops it; harmless afterwards. */
  cancel(): void;
}

/** The source of time. Everything that waits takes one, so that tests control time. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never runs backwards. For durations. */
  now(): number;
  /** Milliseconds since 1970. For timestamps that people or clients read. */
  wallTime(): number;
  /** Calls back once, after at least `delayMs`. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls back periodically. Does not keep the process alive. */
  every(periodMs: number, callback: () => void): Timer;
}

/** The longest timer, in milliseconds (24 days): Node fires longer ones at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** The system's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, callback) {
    const handle = setInterval(callback, periodMs).unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
