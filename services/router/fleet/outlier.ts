import type { MeshError } from "../../../core/errors/mesh-error.ts";

/** So many failures in a row send a node to rest. */
const failureLimit = 5;
/** The first rest; each further one is twice as long. */
const firstRestMs = 5000;
const longestRestMs = 300_000;

/**
 * Decides when a node that keeps failing one model rests. After a rest one more failure is enough for the next,
 * longer one; a success clears the count.
 */
export class Outlier {
  #failures = 0;
  #rests = 0;
  #restsUntil = 0;
  #lastCause: unknown;

  /** Milliseconds for which it still rests; 0 when it does not. */
  restsForMs(now: number): number {
    return Math.max(0, this.#restsUntil - now);
  }

  /** A generation finished there. */
  succeed(now: number): void {
    this.#failures = 0;
    if (now - this.#restsUntil > restMs(this.#rests)) this.#rests = 0;
  }

  /**
   * A generation failed there by the node's own fault. Generations that fail of one cause, such as a relay that
   * broke, count once. True when the node now rests, which it does only when `mayRest`.
   */
  fail(error: MeshError, now: number, mayRest: () => boolean): boolean {
    const cause = error.cause ?? error;
    if (cause === this.#lastCause || this.restsForMs(now) > 0) return false;
    this.#lastCause = cause;
    this.#failures += 1;
    if (this.#failures < failureLimit || !mayRest()) return false;
    this.#failures = failureLimit - 1;
    this.#restsUntil = now + restMs(this.#rests);
    this.#rests += 1;
    return true;
  }
}

const restMs = (rests: number): number => Math.min(longestRestMs, firstRestMs * 2 ** rests);
