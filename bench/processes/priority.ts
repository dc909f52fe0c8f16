import { readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Ahead of ordinary work, behind what keeps a system alive. */
const raised = -10;

/**
 * Where Linux shares the processor out by session first, and by process only within each, the priority of this
 * session; a process's own then counts for nothing against other sessions.
 */
const sessionFile = "/proc/self/autogroup";

/**
 * Puts this process, and those that it starts from now on, ahead of whatever else the machine does, so that less
 * of it shows in the figures; the session's priority goes back to what it was when this process exits. False
 * where that takes rights that this user does not have; all peers are then disturbed alike.
 */
export function raisePriority(): boolean {
  try {
    setPriority(raised);
    raiseSession();
    return true;
  } catch {
    return false;
  }
}

function raiseSession(): void {
  const before = /nice (-?\d+)/.exec(readOrEmpty(sessionFile))?.[1];
  if (before === undefined) return;
  writeFileSync(sessionFile, String(raised));
  process.on("exit", () => writeFileSync(sessionFile, before));
}

/** Kernels without sessions of this kind have no such file. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
