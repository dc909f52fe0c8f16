import { readdirSync, readFileSync } from "node:fs";

/** Length of the ticks in `/proc/PID/stat`, in microseconds: Linux reports 100 a second to every program. */
const tickMicros = 10_000;

/**
 * CPU time that these processes have used so far, user and system, all threads, in microseconds. Read from
 * each thread's `schedstat`, which counts nanoseconds; where the kernel has none, from `/proc/PID/stat`, which
 * counts the same time in ticks of 10 ms. A process that is gone counts nothing.
 */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (scheduledMicros(pid) ?? statMicros(pid)), 0);
}

/** A process with its children, and theirs, such as nginx's workers. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const fields = /^\d+$/.test(entry) ? statFields(Number(entry)) : undefined;
    if (fields !== undefined) parents.set(Number(entry), Number(fields[1]));
  }
  const tree = [root];
  for (const member of tree)
    for (const [pid, parent] of parents) if (parent === member && !tree.includes(pid)) tree.push(pid);
  return tree;
}

function scheduledMicros(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1"))
      .reduce((sum, line) => sum + Number.parseInt(line, 10) / 1000, 0);
  } catch {
    return undefined;
  }
}

function statMicros(pid: number): number {
  const fields = statFields(pid);
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * tickMicros;
}

/** The fields after the program's name, which may itself hold spaces and brackets; the first is the state. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
