import type { Candidate } from "../candidate.ts";

/** Rates nodes. */
export interface Scorer {
  readonly name: string;
  /** One score per node, in order, each in [0, 1]; 1 is best. */
  readonly score: (candidates: readonly Candidate[]) => Float64Array;
}

/**
 * Scores costs by their ratio to the least: the least scores 1, twice as much about a half. Differences below
 * `noise` hardly count, so that chance does not decide where everything goes.
 */
export function byRatio(costs: Float64Array, noise: number): Float64Array {
  let least = Number.POSITIVE_INFINITY;
  for (const cost of costs) if (cost < least) least = cost;
  return costs.map((cost) => (least + noise) / (cost + noise));
}

/** The least of what is known, which is what an untried node is hoped to do; undefined when nothing is known. */
export function leastKnown(
  candidates: readonly Candidate[],
  read: (candidate: Candidate) => number | undefined,
): number | undefined {
  let least: number | undefined;
  for (const candidate of candidates) {
    const value = read(candidate);
    if (value !== undefined && (least === undefined || value < least)) least = value;
  }
  return least;
}
