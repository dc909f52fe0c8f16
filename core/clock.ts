/** A running timer. */
export interface Timer {
  /** Stops it; harmless afterwards. */
  cancel(): void;
}

/** Where time comes from. Everything that waits takes one, so that tests own the time. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never runs backwards. For durations. */
  now(): number;
  /** Milliseconds since 1970. For timestamps that people or clients read. */
  wallTime(): number;
  /** Calls back once, after at least `delayMs`. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls back again and again. Does not keep the process alive. */
  every(periodMs: number, callback: () => void): Timer;
}

/** Node calls timers that are longer than this at once, in milliseconds: 24 days, which no generation lasts. */
export const longestTimerMs = 2 ** 31 - 1;

/** The machine's own time. */
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
