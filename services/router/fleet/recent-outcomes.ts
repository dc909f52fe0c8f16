/** Length of a bucket, in milliseconds. */
const bucketMs = 2000;
/** The whole memory: a minute. */
const bucketCount = 30;
/** What counts where there is enough of it: the newest ten seconds. */
const windowBuckets = 5;
/** Fewer generations than this are too few to judge, so that older ones are read as well. */
const enough = 20;

/** How many generations ended, and how many of them failed by a fault of the node. */
export interface OutcomeCounts {
  readonly total: number;
  readonly failed: number;
}

/** Counts outcomes over the last ten seconds, or over the last minute where little happens. */
export class RecentOutcomes {
  readonly #total = new Uint32Array(bucketCount);
  readonly #failed = new Uint32Array(bucketCount);
  #newest = 0;

  add(failed: boolean, now: number): void {
    const bucket = this.#advance(now);
    this.#total[bucket] = (this.#total[bucket] as number) + 1;
    if (failed) this.#failed[bucket] = (this.#failed[bucket] as number) + 1;
  }

  read(now: number): OutcomeCounts {
    this.#advance(now);
    let total = 0;
    let failed = 0;
    for (let age = 0; age < bucketCount && (age < windowBuckets || total < enough); age++) {
      const bucket = (this.#newest + bucketCount - age) % bucketCount;
      total += this.#total[bucket] as number;
      failed += this.#failed[bucket] as number;
    }
    return { total, failed };
  }

  clear(): void {
    this.#total.fill(0);
    this.#failed.fill(0);
  }

  /** Clears the buckets whose time has passed; returns the present one. */
  #advance(now: number): number {
    const newest = Math.floor(now / bucketMs);
    for (let passed = Math.max(this.#newest, newest - bucketCount) + 1; passed <= newest; passed++) {
      this.#total[passed % bucketCount] = 0;
      this.#failed[passed % bucketCount] = 0;
    }
    this.#newest = newest;
    return newest % bucketCount;
  }
}
