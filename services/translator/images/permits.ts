import { MeshError } from "../../../core/errors/mesh-error.ts";

/** Others have taken all there is. */
export const tooBusy = () =>
  new MeshError("saturated", "Too many pictures are being fetched just now. Send the request again.", {
    retryAfterMs: 1000,
  });

/** Limits how many work at a time; others wait their turn, up to a limit of their own. */
export class Permits {
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(most: number, maxWaiting: number) {
    this.#free = most;
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `work` when it is its turn. Throws `saturated` when too many wait, or the signal's reason when it aborts. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
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

  /** Straight to the one who has waited longest. */
  #give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
