import type { Clock } from "../../../core/clock.ts";

/** Retries per second that are always available. */
const floorPerSecond = 10;
/** Further retries per generation. */
const ratio = 0.2;
/** The window of the counts, in seconds. */
const windowSeconds = 10;

/**
 * Allows retries up to 20 % of the generations of the last ten seconds plus ten a second: failover helps when a node
 * dies, and does not double the load when everything fails.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #generations = new Float64Array(windowSeconds);
  readonly #retries = new Float64Array(windowSeconds);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = Math.floor(clock.now() / 1000);
  }

  /** Counts a generation. */
  deposit(): void {
    const slot = this.#slot();
    this.#generations[slot] = (this.#generations[slot] ?? 0) + 1;
  }

  /** Takes one retry; false when none is left. */
  withdraw(): boolean {
    const slot = this.#slot();
    if (this.remaining < 1) return false;
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    return true;
  }

  /** Retries that are left. */
  get remaining(): number {
    this.#slot();
    return ratio * sum(this.#generations) + floorPerSecond * windowSeconds - sum(this.#retries);
  }

  /** The slot of the present second; clears those of seconds that have passed. */
  #slot(): number {
    const second = Math.floor(this.#clock.now() / 1000);
    for (let passed = Math.max(this.#second, second - windowSeconds) + 1; passed <= second; passed++) {
      this.#generations[passed % windowSeconds] = 0;
      this.#retries[passed % windowSeconds] = 0;
    }
    this.#second = second;
    return second % windowSeconds;
  }
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
