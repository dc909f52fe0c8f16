/** How much a new sample counts. */
const weight = 0.2;
/** After so long without a sample, a value is believed half as much. */
const halfLifeMs = 60_000;
/** A value sinks in steps of so long. */
const stepMs = 1000;

/**
 * A moving average that leans to what came last, and is forgotten: its value sinks towards 0 while nothing comes,
 * so that a node that was slow once looks better and better until it is tried again.
 */
export class Average {
  #value: number | undefined;
  #at = 0;
  /** What was read last, and after how many steps without a sample; 0 steps: nothing was. */
  #faded = 0;
  #fadedSteps = 0;

  /** Takes in a sample. */
  add(sample: number, now: number): void {
    this.#value = this.#value === undefined ? sample : this.#value + weight * (sample - this.#value);
    this.#at = now;
    this.#fadedSteps = 0;
  }

  /** The average as it was after the last sample, however long ago; undefined before the first one. */
  get latest(): number | undefined {
    return this.#value;
  }

  /** The average, the lower the longer ago the last sample; undefined before the first one. */
  read(now: number): number | undefined {
    if (this.#value === undefined) return undefined;
    const idleSteps = Math.floor((now - this.#at) / stepMs);
    if (idleSteps < 1) return this.#value;
    // Powers cost, and every pick reads every node.
    if (idleSteps !== this.#fadedSteps) {
      this.#fadedSteps = idleSteps;
      this.#faded = this.#value * 0.5 ** (idleSteps * (stepMs / halfLifeMs));
    }
    return this.#faded;
  }
}
