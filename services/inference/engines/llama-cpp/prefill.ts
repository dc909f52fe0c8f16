import type { Clock } from "../../../../core/clock.ts";
import type { Sequence } from "./native/sequence.ts";

/**
 * Computes a prompt in chunks of one native step each, so an abort need not wait for all of it. Chunks adapt
 * to what the machine computes in a fifth of a second.
 */
export class Prefill {
  readonly #sequence: Sequence;
  readonly #clock: Clock;
  #chunkTokens = firstChunkTokens;

  constructor(sequence: Sequence, clock: Clock) {
    this.#sequence = sequence;
    this.#clock = clock;
  }

  /** Forgets what differs from these tokens; the shared beginning is not computed again. */
  keep(tokens: readonly number[]): Promise<void> {
    return this.#sequence.keep(tokens);
  }

  get computed(): number {
    return this.#sequence.length;
  }

  async advance(tokens: readonly number[]): Promise<void> {
    const startedAt = this.#clock.now();
    await this.#sequence.compute(tokens.slice(this.computed, this.computed + this.#chunkTokens));
    const tookMs = this.#clock.now() - startedAt;
    if (tookMs > 2 * chunkMs) this.#chunkTokens = Math.max(leastChunkTokens, this.#chunkTokens >> 1);
    else if (tookMs < chunkMs / 2) this.#chunkTokens = Math.min(mostChunkTokens, this.#chunkTokens << 1);
  }
}

const chunkMs = 200;
const firstChunkTokens = 128;
const leastChunkTokens = 16;
const mostChunkTokens = 512;
