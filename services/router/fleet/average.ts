/** The weight of a new sample. */
const weight = 0.2;
/** Without samples, a value halves in this time. */
const halfLifeMs = 60_000;
const stepMs = 1000;

/** A moving average that sinks towards 0 without samples, so that a node that was slow once is tried again. */
export class Average {
  #value: number | undefined;
  #at = 0;
  /** The value last read, and the steps without a sample before it; 0 for none. */
  #faded = 0;
  #fadedSteps = 0;

  add(sample: number, now: number): void {
    this.#value = this.#value === undefined ? sample : this.#value + weight * (sample - this.#value);
    this.#at = now;
    this.#fadedSteps = 0;
  }

  get latest(): number | undefined {
    return this.#value;
  }

  /** The average, lower the longer ago the last sample was; undefined before the first. */
  read(now: number): number | undefined {
    if (this.#value === undefined) return undefined;
    const idleSteps = Math.floor((now - this.#at) / stepMs);
    if (idleSteps < 1) return this.#value;
    // Powers are slow, and every pick reads every node.
    if (idleSteps !== this.#fadedSteps) {
      this.#fadedSteps = idleSteps;
      this.#faded = this.#value * 0.5 ** (idleSteps * (stepMs / halfLifeMs));
    }
    return this.#faded;
  }
}
