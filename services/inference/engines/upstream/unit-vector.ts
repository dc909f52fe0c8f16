/** A vector brought to length 1, which some upstreams leave to their clients; zeros stay zeros. */
export function toUnitVector(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
