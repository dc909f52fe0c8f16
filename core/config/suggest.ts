/** `; did you mean "…"?` when a name is close to what was written, else an empty text. */
export function suggest(written: string, names: Iterable<string>): string {
  const name = nearest(written, names);
  return name === undefined ? "" : `; did you mean "${name}"?`;
}

/** The closest name, when it is close enough to be meant. */
export function nearest(written: string, names: Iterable<string>): string | undefined {
  const plain = toPlain(written);
  let best: { name: string; distance: number } | undefined;
  for (const name of names) {
    const distance = editDistance(plain, toPlain(name));
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && distance < (best?.distance ?? Infinity))
      best = { name, distance };
  }
  return best?.name;
}

const toPlain = (name: string): string => name.toLowerCase().replaceAll("_", "-");

/** Insertions, deletions, replacements and swaps of neighbours between two texts. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
        swapped ? beforeLast[column - 2]! + 1 : Infinity,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
