/** One part of the report. */
export interface Section {
  readonly title: string;
  /** A table, its heading first. */
  readonly rows: readonly (readonly string[])[];
  readonly targets: readonly { readonly holds: boolean; readonly says: string }[];
}

/** The value below which so much of a share in [0, 1] lies. */
export const at = (ascending: readonly number[], share: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? 0;
