import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/** The widest line that is printed, in columns. */
export const columns = 100;

/** Removes control characters, which could write to the clipboard, from untrusted text; line breaks and tabs stay. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (character === "\n" || character === "\t" ? character : ""));

/** The columns that a printable line takes: two for each character of Chinese and for most emoji. */
export const widthOf = (line: string): number => stringWidth(line, { countAnsiEscapeCodes: true });

/** Pads a line with spaces to at least `width` columns. */
export const padTo = (line: string, width: number): string =>
  line + " ".repeat(Math.max(0, width - widthOf(line)));

/** As much of the line as fits into `width` columns. */
export function cutTo(line: string, width: number): string {
  let left = width;
  let end = 0;
  for (const { segment, index } of characters.segment(line)) {
    left -= widthOf(segment);
    if (left < 0) break;
    end = index + segment.length;
  }
  return line.slice(0, end);
}

const characters = new Intl.Segmenter();

/**
 * Wraps a text into printable lines of at most `width` columns, the first after `lead`, the others indented. Longer
 * words are cut; no line is broken at U+00A0.
 */
export function wrap(text: string, lead = "", indent = widthOf(lead), width = columns): string[] {
  const words = printable(text.normalize().replace(/[ \t\n]+/g, " ")).trim();
  const [first = ""] = toLines(words, width - widthOf(lead));
  const rest = words.slice(first.length).trimStart();
  const below = rest === "" ? [] : toLines(rest, width - indent);
  return [(lead + first).trimEnd(), ...below.map((line) => " ".repeat(indent) + line)];
}

const toLines = (words: string, width: number): string[] =>
  wrapAnsi(words, Math.max(1, width), { hard: true }).split("\n");

/** A table of rows below headings; nothing is cut. Ends with a newline. */
export function toTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ""))));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => padTo(cell, widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
