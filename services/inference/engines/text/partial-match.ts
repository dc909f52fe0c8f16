/** How many characters at the end of `text` could start a needle; complete needles do not count. */
export function partialMatchLength(text: string, needles: readonly string[]): number {
  let longest = 0;
  for (const needle of needles)
    for (let length = Math.min(needle.length - 1, text.length); length > longest; length--)
      if (text.endsWith(needle.slice(0, length))) {
        longest = length;
        break;
      }
  return longest;
}

/** The needle that ends first, then starts first, so that the result does not depend on the chunks. */
export function findFirst(
  text: string,
  needles: readonly string[],
): { index: number; needle: string } | undefined {
  let found: { index: number; needle: string } | undefined;
  let foundEnd = Number.POSITIVE_INFINITY;
  for (const needle of needles) {
    const index = text.indexOf(needle);
    const end = index + needle.length;
    if (index < 0 || end > foundEnd || (end === foundEnd && index >= found!.index)) continue;
    found = { index, needle };
    foundEnd = end;
  }
  return found;
}
