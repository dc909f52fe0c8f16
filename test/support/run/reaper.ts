import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// Ends what a test run has started and not ended, however the run itself comes to its end.

/** The variable by which the processes of one run are known; whatever they start inherits it. */
export const runMark = "TEST_RUN_ID";

/** The environment of a process that belongs to this run. */
export const markOfRun = (): Record<string, string> => {
  const id = process.env[runMark];
  return id === undefined ? {} : { [runMark]: id };
};

/** A process that a run has left behind. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Processes of a run that live now, but for Vitest's own, which end with it; empty where there is no `/proc`. */
export function processesOfRun(id: string): Leftover[] {
  return processIds().flatMap((pid) => {
    if (pid === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${runMark}=${id}`)) return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return /vitest-watchdog|[\\/]vitest[\\/]dist[\\/]workers/.test(command) ? [] : [{ pid, command }];
    } catch {
      // It has ended, or is another user's.
      return [];
    }
  });
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Kills all processes of a run, and what they start meanwhile. Returns what was killed. */
export function killRun(id: string): Leftover[] {
  const killed: Leftover[] = [];
  for (let found = processesOfRun(id); found.length > 0 && killed.length < 1000; found = processesOfRun(id))
    for (const leftover of found) {
      killed.push(leftover);
      try {
        process.kill(leftover.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  return killed;
}

/** Starts a process that kills the run as soon as this one is gone, even by SIGKILL. */
export function watchRun(id: string): void {
  const { [runMark]: _, ...environment } = process.env;
  const reaper = spawn(process.execPath, [fileURLToPath(import.meta.url), id], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: environment,
  });
  reaper.unref();
  (reaper.stdin as unknown as { unref(): void }).unref();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , id = ""] = process.argv;
  // The other end of this pipe is held by the run alone.
  process.stdin.resume().once("close", () => killRun(id));
}
