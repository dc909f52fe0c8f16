import type { Figures } from "../figures.ts";

/** Rates nodes. */
export interface Scorer {
  readonly name: string;
  /** Writes one score per node, in order, each in [0, 1]; 1 is best. */
  readonly score: (figures: Figures, scores: Float64Array) => void;
}

/** Turns costs into scores, in place: the least scores 1, twice as much a half; less than `noise` hardly counts. */
export function byRatio(costs: Float64Array, noise: number): void {
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < costs.length; index++) {
    const cost = costs[index] as number;
    if (cost < least) least = cost;
  }
  for (let index = 0; index < costs.length; index++)
    costs[index] = (least + noise) / ((costs[index] as number) + noise);
}

/** The number when it is known, else `otherwise`. */
export const known = (value: number | undefined, otherwise: number): number =>
  value === undefined || Number.isNaN(value) ? otherwise : value;
