import type { Clock } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { cutTo, printable, widthOf } from "../../../core/terminal.ts";

/** The terminal under a status line. */
export interface StatusTerminal {
  write(text: string): void;
  readonly columns: number | undefined;
}

/** A line at the bottom of a terminal, replaced in place; everything else must be written through `above`. */
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

/** Shows the progress of something, in [0, 1]; 1 ends it. */
export type ShowProgress = (what: string, share: number) => void;

/** Shorter waits are not logged, in milliseconds. */
const worthMs = 1000;

/** Shows the progress of what moved last as a bar in the status line, or as a log line for each tenth. */
export function createProgress({
  line,
  log,
  clock,
}: {
  readonly line: StatusLine | undefined;
  readonly log: Log;
  readonly clock: Clock;
}): ShowProgress {
  const known = new Map<string, { tenth: number; loggedAt: number }>();
  return (what, share) => {
    if (line !== undefined) {
      line.show(share >= 1 ? "" : toBar(what, share));
      return;
    }
    const tenth = Math.floor(Math.min(1, Math.max(0, share)) * 10);
    const before = known.get(what) ?? { tenth: 0, loggedAt: clock.now() };
    known.set(what, before);
    if (tenth <= before.tenth || clock.now() - before.loggedAt < worthMs) return;
    log.info({ percent: tenth * 10 }, what);
    known.set(what, { tenth, loggedAt: clock.now() });
  };
}

const barColumns = 30;

/** Such as `loading llama  [#########---------------------]  30 %`. */
export function toBar(what: string, share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barColumns);
  const bar = "#".repeat(filled).padEnd(barColumns, "-");
  return `${what}  [${bar}]  ${String(Math.floor(share * 100)).padStart(3)} %`;
}
