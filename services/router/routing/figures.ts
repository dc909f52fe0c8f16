import type { Candidate } from "./candidate.ts";

/** Kinds of numbers, as in `Candidate`. */
const kinds = ["slots", "occupied", "firstTokenMs", "tokenMs", "serviceMs"] as const;

/**
 * The numbers of many nodes, a row for each kind in order of the nodes; `NaN` for unknown. Read once for each ranking:
 * reading thousands of objects for every scorer was most of the cost of a pick.
 */
export interface Figures extends Readonly<Record<(typeof kinds)[number], Float64Array>> {
  readonly count: number;
}

/** Memory for figures and scores that is reused: new rows for every pick cost as much as the pick. */
export class Scratch {
  #rows: Float64Array[] = [];
  #used = 0;

  /** Frees all rows; they must not be used any more. */
  clear(): void {
    this.#used = 0;
  }

  row(count: number): Float64Array {
    let row = this.#rows[this.#used];
    if (row === undefined || row.length < count) row = new Float64Array(Math.max(64, 2 * count));
    this.#rows[this.#used++] = row;
    return row.subarray(0, count);
  }
}

/** Reads the numbers of these nodes. */
export function readFigures(candidates: readonly Candidate[], scratch = new Scratch()): Figures {
  const count = candidates.length;
  const [slots, occupied, firstTokenMs, tokenMs, serviceMs] = kinds.map(() => scratch.row(count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let index = 0; index < count; index++) {
    const candidate = candidates[index] as Candidate;
    slots[index] = candidate.slots;
    occupied[index] = candidate.occupied;
    firstTokenMs[index] = candidate.firstTokenMs ?? Number.NaN;
    tokenMs[index] = candidate.tokenMs ?? Number.NaN;
    serviceMs[index] = candidate.serviceMs ?? Number.NaN;
  }
  return { count, slots, occupied, firstTokenMs, tokenMs, serviceMs };
}

/** The least known number, which an untried node is assumed to reach; `NaN` when none is known. */
export function leastKnown(row: Float64Array): number {
  let least = Number.NaN;
  for (let index = 0; index < row.length; index++) {
    const value = row[index] as number;
    // `>=` is false for NaN on either side, so the first known number is taken.
    if (!(value >= least) && !Number.isNaN(value)) least = value;
  }
  return least;
}
