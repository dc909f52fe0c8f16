/** How many samples are kept. */
const kept = 9;
/** Older samples do not count, in milliseconds. */
const memoryMs = 60_000;

/** The last few samples of a time, each with when it was taken. */
export class RecentTimes {
  readonly #samples: { readonly ms: number; readonly at: number }[] = [];

  add(ms: number, now: number): void {
    this.#samples.push({ ms, at: now });
    if (this.#samples.length > kept) this.#samples.shift();
  }

  /** In milliseconds, oldest first. */
  read(now: number): number[] {
    const since = now - memoryMs;
    return this.#samples.flatMap(({ ms, at }) => (at >= since ? ms : []));
  }

  clear(): void {
    this.#samples.length = 0;
  }
}
