/** The widest line that is printed. */
export const columns = 100;

/**
 * Breaks a text into lines of at most `width` characters, the first after `lead`, those below it indented by `indent`
 * spaces. Words that are longer than a line are cut, so that nothing is ever wider.
 */
export function wrap(text: string, lead: string, indent: number, width = columns): string[] {
  const lines: string[] = [];
  let line = lead;
  let isEmpty = true;
  const flush = () => {
    lines.push(line.trimEnd());
    line = " ".repeat(indent);
    isEmpty = true;
  };
  for (let word of text.split(/\s+/).filter((one) => one !== "")) {
    if (!isEmpty && line.length + 1 + word.length > width) flush();
    for (; line.length + word.length > width; flush()) {
      const fitting = width - line.length;
      line += word.slice(0, fitting);
      word = word.slice(fitting);
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  flush();
  return lines;
}
