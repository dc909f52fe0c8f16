/**
 * Text of a model for a terminal: without control characters, for those of a stranger's node could move the
 * cursor, retitle the window or write to the clipboard. Line breaks and tabs stay.
 */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (character === "\n" || character === "\t" ? character : ""));
