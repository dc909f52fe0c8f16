/** How far back the rate looks, in milliseconds. */
export const windowMs = 10_000;

/** Tokens for each second over the last ten, from a counter that is looked at now and then. */
export class TokenRate {
  /** The oldest is the last one outside of the window, if there is one. */
  readonly #samples: { atMs: number; tokens: number }[] = [];

  /** Takes a look; returns the rate now. `tokens` is the counter's value. */
  sample(nowMs: number, tokens: number): number {
    this.#samples.push({ atMs: nowMs, tokens });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= nowMs - windowMs) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const elapsedMs = nowMs - oldest.atMs;
    // An engine that counts at the end may find that there were fewer.
    return elapsedMs === 0 ? 0 : Math.max(0, ((tokens - oldest.tokens) * 1000) / elapsedMs);
  }
}
