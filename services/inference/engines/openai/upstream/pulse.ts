import type { Clock } from "../../../../../core/clock.ts";
import type { UpstreamClient } from "./client.ts";

/** How long an answer counts for all who ask, in milliseconds. */
const freshMs = 300;
/** How long the server has to answer, in milliseconds. */
const patienceMs = 1000;

/**
 * Asks whether the server answers: one cheap question at a time for all generations that wait. A refusal is an
 * answer too, for it shows that the process runs; what a proxy says of a server that is gone (5xx) is none.
 */
export class Pulse {
  readonly #client: UpstreamClient;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #asking: Promise<boolean> | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(client: UpstreamClient, clock: Clock, signal: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Never rejects. */
  readonly isAlive = (): Promise<boolean> => {
    if (this.#clock.now() - this.#answeredAt < freshMs) return Promise.resolve(true);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  };

  async #ask(): Promise<boolean> {
    const scope = new AbortController();
    const end = () => scope.abort();
    const timer = this.#clock.after(patienceMs, end);
    this.#signal.addEventListener("abort", end, { once: true });
    try {
      const isAlive = (await this.#client.touch("/models", scope.signal)) < 500;
      if (isAlive) this.#answeredAt = this.#clock.now();
      return isAlive;
    } catch {
      return false;
    } finally {
      timer.cancel();
      this.#signal.removeEventListener("abort", end);
    }
  }
}
