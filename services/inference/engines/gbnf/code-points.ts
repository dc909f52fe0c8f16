/** A set of code points: ranges in order that neither touch nor overlap, both ends included. */
export type CodePoints = readonly (readonly [from: number, to: number])[];

/** All of Unicode. */
export const allCodePoints: CodePoints = [[0, 0x10ffff]];

/** The union of ranges. */
export function toCodePoints(ranges: CodePoints): CodePoints {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** The first set without the second. */
export function without(set: CodePoints, removed: CodePoints): CodePoints {
  const left: [number, number][] = [];
  for (const [from, to] of set) {
    let start = from;
    for (const [gone, goneTo] of removed) {
      if (goneTo < start || gone > to) continue;
      if (gone > start) left.push([start, gone - 1]);
      start = goneTo + 1;
    }
    if (start <= to) left.push([start, to]);
  }
  return left;
}

/** Whether the set holds a code point. */
export const has = (set: CodePoints, codePoint: number): boolean =>
  set.some(([from, to]) => from <= codePoint && codePoint <= to);

/** The set as a GBNF character class; the set must not be empty. */
export const toClass = (set: CodePoints): string =>
  `[${set.map(([from, to]) => (from === to ? member(from) : `${member(from)}-${member(to)}`)).join("")}]`;

/** Everything but letters and digits is escaped, so that nothing has a special meaning. */
function member(codePoint: number): string {
  const character = String.fromCodePoint(codePoint);
  if (/[0-9A-Za-z]/.test(character)) return character;
  const hex = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  if (codePoint <= 0xffff) return `\\u${hex.padStart(4, "0")}`;
  return `\\U${hex.padStart(8, "0")}`;
}
