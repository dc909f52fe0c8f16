/** Waits that double from try to try, with a random half, so that many routers do not knock together. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #tries = 0;

  constructor(options: { firstMs: number; longestMs: number; random: () => number }) {
    this.#firstMs = options.firstMs;
    this.#longestMs = options.longestMs;
    this.#random = options.random;
  }

  /** How long to wait before the next try, in milliseconds. */
  next(): number {
    const fullMs = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#tries);
    this.#tries += 1;
    return fullMs * (0.5 + this.#random() / 2);
  }

  /** It worked: begin anew next time. */
  reset(): void {
    this.#tries = 0;
  }
}
