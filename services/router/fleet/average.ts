/** How much a new sample counts. */
const weight = 0.2;
/** After so long without a sample, a value is believed half as much. */
const halfLifeMs = 60_000;

/**
 * A moving average that leans to what came last, and is forgotten: its value sinks towards 0 while nothing comes,
 * so that a node that was slow once looks better and better until it is tried again.
 */
export class Average {
  #value: number | undefined;
  #at = 0;

  /** Takes in a sample. */
  add(sample: number, now: number): void {
    this.#value = this.#value === undefined ? sample : this.#value + weight * (sample - this.#value);
    this.#at = now;
  }

  /** The average as it was after the last sample, however long ago; undefined before the first one. */
  get latest(): number | undefined {
    return this.#value;
  }

  /** The average, the lower the longer ago the last sample; undefined before the first one. */
  read(now: number): number | undefined {
    if (this.#value === undefined) return undefined;
    const idleMs = now - this.#at;
    return idleMs < 1000 ? this.#value : this.#value * 0.5 ** (idleMs / halfLifeMs);
  }
}
