import type { Candidate } from "./candidate.ts";

/** A generation's own number, by which lots between equal nodes are drawn. */
export const lotOf = (generationId: string): number => hashOf(generationId);

/** A node's lot for one generation: an unsigned 32-bit number, as good as random, and always the same. */
export function draw(lot: number, { idHash }: Candidate): number {
  // The last mix of MurmurHash3: numbers that differ in one bit give lots that have nothing in common.
  let value = lot ^ idHash;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** FNV-1a, as a 32-bit number. */
export function hashOf(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value;
}
