/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Before the second attempt, in milliseconds. */
  readonly firstMs: number;
  /** At most, in milliseconds. */
  readonly limitMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Waits that double from `firstMs` to `limitMs`, each shortened by up to half at random, so that many who lost
 * the same peer do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #nextMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** How long to wait now, in milliseconds. */
  next(): number {
    const waitMs = this.#nextMs * (1 - this.#options.random() / 2);
    this.#nextMs = Math.min(this.#options.limitMs, this.#nextMs * 2);
    return waitMs;
  }

  /** After a success: the next wait is a first one. */
  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
