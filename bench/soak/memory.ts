import { readdirSync, readFileSync } from "node:fs";

/** One look at a process. */
export interface Sample {
  readonly atMs: number;
  readonly rssKib: number;
  /** Open file descriptors: sockets and files. */
  readonly handles: number;
}

/** Looks at a process; undefined when it is gone. */
export function look(pid: number, atMs: number): Sample | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const rssKib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    return { atMs, rssKib, handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

/** How a process's memory grows, in percent of its mean per hour: a line through its samples by least squares. */
export function growthPerHour(samples: readonly Sample[]): number {
  const mean = (read: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + read(sample), 0) / samples.length;
  const [at, rss] = [mean(({ atMs }) => atMs), mean(({ rssKib }) => rssKib)];
  const spread = samples.reduce((sum, { atMs }) => sum + (atMs - at) ** 2, 0);
  const slope = samples.reduce((sum, { atMs, rssKib }) => sum + (atMs - at) * (rssKib - rss), 0) / spread;
  return (100 * slope * 3_600_000) / rss;
}
