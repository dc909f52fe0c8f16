/** A gap that was longer than the next one, after this time counts half, in milliseconds. */
const halfLifeMs = 60_000;
/** Longer gaps count as this one, so that a machine that slept is watched again soon, in milliseconds. */
const longestGapMs = 10_000;
/** How much longer than the usual gap a silence has to be, because the load of a machine varies. */
const margin = 2;

/** How long a peer may be silent before it is suspected: learned from its gaps, so that a busy peer gets more time. */
export class UsualSilence {
  readonly #promisedMs: number;
  readonly #patienceMs: number;
  /** The two longest gaps. One alone may have been an accident, after which the next is to be noticed as early. */
  #longest = { ms: 0, at: 0 };
  #second = { ms: 0, at: 0 };

  /** A peer promises a gap of at most `promisedMs`, and is never suspected before `patienceMs`. */
  constructor({ promisedMs, patienceMs }: { readonly promisedMs: number; readonly patienceMs: number }) {
    this.#promisedMs = promisedMs;
    this.#patienceMs = patienceMs;
  }

  /** Takes a gap that has ended, in milliseconds. */
  learn(gapMs: number, now: number): void {
    if (gapMs <= this.#promisedMs) return;
    const gap = { ms: Math.min(gapMs, longestGapMs), at: now };
    if (gap.ms >= faded(this.#longest, now)) {
      this.#second = this.#longest;
      this.#longest = gap;
    } else if (gap.ms >= faded(this.#second, now)) this.#second = gap;
  }

  /** The longest silence that is usual now, in milliseconds. */
  limitMs(now: number): number {
    return Math.max(this.#patienceMs, margin * faded(this.#second, now));
  }
}

const faded = ({ ms, at }: { readonly ms: number; readonly at: number }, now: number): number =>
  ms * 0.5 ** ((now - at) / halfLifeMs);
