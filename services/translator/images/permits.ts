import { MeshError } from "../../../core/errors/mesh-error.ts";

/** Too many requests already wait for a permit. */
export const tooBusy = () =>
  new MeshError("saturated", "Too many images are being fetched right now. Send the request again.", {
    retryAfterMs: 1000,
  });

/** Limits concurrency, and how many may wait. */
export class Permits {
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(most: number, maxWaiting: number) {
    this.#free = most;
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `work` once a permit is free. Throws `saturated` when too many wait, or the signal's reason. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.size >= this.#maxWaiting) throw tooBusy();
    await new Promise<void>((resolve, reject) => {
      const onTurn = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting.delete(onTurn);
        reject(signal.reason);
      };
      this.#waiting.add(onTurn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Passes the permit to the longest waiting. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
