import { cutTo, printable, widthOf } from "../../../core/terminal.ts";

/** The terminal under a status line. */
export interface StatusTerminal {
  write(text: string): void;
  /** How wide it is now; undefined when it is unknown. */
  readonly columns: number | undefined;
}

/**
 * One line at the bottom of a terminal that is replaced in place, while other lines go by above it.
 *
 * Everything else that is written to the same terminal goes through `above`, or the two garble each other.
 */
export class StatusLine {
  readonly #terminal: StatusTerminal;
  #shown = "";
  #ended = false;

  constructor(terminal: StatusTerminal) {
    this.#terminal = terminal;
  }

  /** Replaces the line; an empty text takes it away. */
  show(text: string): void {
    if (this.#ended) return;
    const erased = this.#erase();
    // One column stays free: in the last one some terminals go to the next line by themselves.
    const fitting = cutTo(printable(text).replace(/\s/g, " "), this.#columns - 1);
    if (fitting === this.#shown) return;
    this.#shown = fitting;
    this.#terminal.write(erased + fitting);
  }

  /** Takes the line away, lets whole lines be written, and puts it back. */
  above(write: () => void): void {
    const erased = this.#erase();
    if (erased !== "") this.#terminal.write(erased);
    const shown = this.#shown;
    this.#shown = "";
    write();
    this.show(shown);
  }

  /** Takes the line away for good. */
  end(): void {
    this.show("");
    this.#ended = true;
  }

  /** Moves to the beginning of what is shown and clears from there. A terminal that got narrower has wrapped it. */
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
