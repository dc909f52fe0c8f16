import { cutTo, printable, widthOf } from "../../../core/terminal.ts";

/** The terminal under a status line. */
export interface StatusTerminal {
  write(text: string): void;
  /** Undefined when unknown. */
  readonly columns: number | undefined;
}

/**
 * A line at the bottom of a terminal that is replaced in place. Everything else that is written to the terminal must go
 * through `above`, or the two garble each other.
 */
export class StatusLine {
  readonly #terminal: StatusTerminal;
  #shown = "";
  #ended = false;

  constructor(terminal: StatusTerminal) {
    this.#terminal = terminal;
  }

  /** Replaces the line; an empty text removes it. */
  show(text: string): void {
    if (this.#ended) return;
    const erased = this.#erase();
    // One column stays free, because some terminals wrap after the last one.
    const fitting = cutTo(printable(text).replace(/\s/g, " "), this.#columns - 1);
    if (fitting === this.#shown) return;
    this.#shown = fitting;
    this.#terminal.write(erased + fitting);
  }

  /** Removes the line, writes other lines, and restores it. */
  above(write: () => void): void {
    const erased = this.#erase();
    if (erased !== "") this.#terminal.write(erased);
    const shown = this.#shown;
    this.#shown = "";
    write();
    this.show(shown);
  }

  /** Removes the line for good. */
  end(): void {
    this.show("");
    this.#ended = true;
  }

  /** Clears the line, which takes several rows after the terminal got narrower. */
  #erase(): string {
    if (this.#shown === "") return "";
    const rows = Math.ceil(widthOf(this.#shown) / this.#columns);
    return `\r${"\u001b[A".repeat(rows - 1)}\u001b[J`;
  }

  get #columns(): number {
    const { columns } = this.#terminal;
    return columns === undefined || columns < 1 ? 80 : columns;
  }
}
