/**
 * How many characters at the end of `text` could be the beginning of one of the needles, so that they must wait
 * for what follows. A needle that is there in full does not count.
 */
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

/**
 * Which of the needles is complete first, and where it begins: of those that end at the same place the one that
 * begins first. So the answer is the same whether text is searched as a whole or as it comes in.
 */
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
