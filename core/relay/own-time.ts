/**
 * Time in which this process was awake. A process that does not get to run, for itself or for its whole machine, cannot
 * hear its peers; so of each period between two looks at most the period counts.
 */
export class OwnTime {
  readonly #periodMs: number;
  #lookedAt: number;
  #elapsedMs = 0;

  /** Someone calls `look` every `periodMs` milliseconds. */
  constructor(periodMs: number, now: number) {
    this.#periodMs = periodMs;
    this.#lookedAt = now;
  }

  /** Own time at a time on the clock since the last look, in milliseconds. */
  at(now: number): number {
    return this.#elapsedMs + Math.min(now - this.#lookedAt, this.#periodMs);
  }

  /** False when this look comes so late that what peers have sent meanwhile may not have been read yet. */
  look(now: number): boolean {
    const isLate = now - this.#lookedAt > 2 * this.#periodMs;
    this.#elapsedMs = this.at(now);
    this.#lookedAt = now;
    return !isLate;
  }
}
