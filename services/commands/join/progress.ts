import type { Clock } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { StatusLine } from "./status-line.ts";

/** Tells how far something has come, in [0, 1]; 1 ends it. */
export type ShowProgress = (what: string, share: number) => void;

/** Where progress is shown. */
export interface ProgressOptions {
  /** The status line of a terminal, if there is one. */
  readonly line: StatusLine | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/** What is over sooner is not worth a line of the log, in milliseconds. */
const worthMs = 1000;

/**
 * Shows progress: as a bar in the status line on a terminal, otherwise as a line of the log for each tenth. Of several
 * things at once the bar shows the last one that moved.
 */
export function createProgress({ line, log, clock }: ProgressOptions): ShowProgress {
  const known = new Map<string, { tenth: number; toldAt: number }>();
  return (what, share) => {
    if (line !== undefined) {
      line.show(share >= 1 ? "" : toBar(what, share));
      return;
    }
    const tenth = Math.floor(Math.min(1, Math.max(0, share)) * 10);
    const before = known.get(what) ?? { tenth: 0, toldAt: clock.now() };
    known.set(what, before);
    if (tenth <= before.tenth || clock.now() - before.toldAt < worthMs) return;
    log.info({ percent: tenth * 10 }, what);
    known.set(what, { tenth, toldAt: clock.now() });
  };
}

const barColumns = 30;

/** Such as `loading llama  [#########---------------------]  30 %`. */
export function toBar(what: string, share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barColumns);
  const bar = "#".repeat(filled).padEnd(barColumns, "-");
  return `${what}  [${bar}]  ${String(Math.floor(share * 100)).padStart(3)} %`;
}
