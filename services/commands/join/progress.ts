import type { Clock } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { StatusLine } from "./status-line.ts";

/** Shows the progress of something, in [0, 1]; 1 ends it. */
export type ShowProgress = (what: string, share: number) => void;

/** How to show progress. */
export interface ProgressOptions {
  readonly line: StatusLine | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/** Shorter waits are not logged, in milliseconds. */
const worthMs = 1000;

/**
 * Shows progress as a bar in the status line, or as a log line for each tenth. Of several things the bar shows the one
 * that moved last.
 */
export function createProgress({ line, log, clock }: ProgressOptions): ShowProgress {
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
