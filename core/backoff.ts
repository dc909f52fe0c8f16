/** How to wait between attempts. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly limitMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Waits double from `firstMs` to `limitMs`, cut by up to half at random: else clients would return together. */
export class Backoff {
  readonly #options: BackoffOptions;
  #nextMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

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
