/** How to wait between attempts. */
export interface BackoffOptions {
  /** The first wait, in milliseconds. */
  readonly firstMs: number;
  /** The longest wait, in milliseconds. */
  readonly limitMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Waits that double from `firstMs` to `limitMs`, each shortened by up to half at random, so that clients that lost the
 * same peer do not return together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #nextMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** The next wait, in milliseconds. */
  next(): number {
    const waitMs = this.#nextMs * (1 - this.#options.random() / 2);
    this.#nextMs = Math.min(this.#options.limitMs, this.#nextMs * 2);
    return waitMs;
  }

  /** After a success: starts again at `firstMs`. */
  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
