/** The middle of some measurements, with how far they spread. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Summarizes at least one number. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** What something cost in one round. */
export interface Costed {
  readonly round: number;
  readonly cost: number;
}

/** Cost of one peer over that of another, round by round, so that a disturbed round disturbs both sides. */
export function ratio(ours: readonly Costed[], theirs: readonly Costed[]): Spread | undefined {
  const ratios = ours.flatMap(({ round, cost }) => {
    const other = theirs.find((measurement) => measurement.round === round);
    return other === undefined ? [] : [cost / other.cost];
  });
  return ratios.length === 0 ? undefined : spread(ratios);
}

/** As text; a dash where there is nothing. */
export function show(value: Spread | undefined, digits = 1): string {
  if (value === undefined || Number.isNaN(value.median)) return "–";
  const [median, min, max] = [value.median, value.min, value.max].map((each) => each.toFixed(digits));
  return `${median} (${min}–${max})`;
}
