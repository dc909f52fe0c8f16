/** Reads an unsigned 32-bit varint, which ends at `varintEnd`: a returned pair would be an object for each field. */
export function readVarint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return first;
  let value = first & 0x7f;
  for (let shift = 7, next = at + 1; shift < 35; shift += 7, next++) {
    const byte = bytes[next]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError("A varint is longer than 32 bits.");
}

/** The end of the varint at `at`. */
export function varintEnd(bytes: Uint8Array, at: number): number {
  let next = at;
  while (bytes[next++]! >= 0x80);
  return next;
}

/** How many bytes a varint takes: 1 to 5. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
