/** Normalizes a vector to length 1; zeros stay zeros. */
export function toUnitVector(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
