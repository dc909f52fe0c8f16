import type { Candidate } from "./candidate.ts";

/** A pseudorandom unsigned 32-bit number that orders equal nodes for one generation; `key` is `hashOf` its id. */
export function rendezvousHash(key: number, { idHash }: Candidate): number {
  // The finalizer of MurmurHash3: numbers that differ in one bit give unrelated hashes.
  let value = key ^ idHash;
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
