import type { Clock } from "../../../core/clock.ts";

/** Retries per second that are always available. */
const floorPerSecond = 10;
/** Further retries per generation. */
const ratio = 0.2;
/** The window of the counts, in seconds. */
const windowSeconds = 10;

/** Limits retries to a share of the generations: failover must not double the load when everything fails. */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #generations = new Float64Array(windowSeconds);
  readonly #retries = new Float64Array(windowSeconds);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = Math.floor(clock.now() / 1000);
  }

  deposit(): void {
    const slot = this.#slot();
    this.#generations[slot] = (this.#generations[slot] ?? 0) + 1;
  }

  /** False when none is left. */
  withdraw(): boolean {
    const slot = this.#slot();
    if (this.remaining < 1) return false;
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    return true;
  }

  get remaining(): number {
    this.#slot();
    return ratio * sum(this.#generations) + floorPerSecond * windowSeconds - sum(this.#retries);
  }

  /** Clears the slots of seconds that have passed. */
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
