import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A limit on the processor time of processes. */
export interface CpuLimit {
  /** Puts a process under it. */
  add(pid: number): void;
  /** Lifts it; its processes must have ended. */
  remove(): void;
}

const periodUs = 100_000;
let last = 0;

/** Makes a limit of so many cores, by a control group of its own; undefined where this system or user cannot. */
export function limitCpu(cores: number): CpuLimit | undefined {
  const quotaUs = Math.round(cores * periodUs);
  const name = `cxmpute-test-${process.pid}-${last++}`;
  for (const { root, files } of [
    { root: "/sys/fs/cgroup", files: { "cpu.max": `${quotaUs} ${periodUs}` } },
    { root: "/sys/fs/cgroup/cpu", files: { "cpu.cfs_period_us": periodUs, "cpu.cfs_quota_us": quotaUs } },
  ]) {
    const group = join(root, name);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    try {
      accessSync(join(group, "cgroup.procs"), constants.W_OK);
      for (const [file, value] of Object.entries(files)) {
        // Only where the controller is: else this would make a file.
        accessSync(join(group, file), constants.W_OK);
        writeFileSync(join(group, file), String(value));
      }
      return {
        add: (pid) => writeFileSync(join(group, "cgroup.procs"), String(pid)),
        remove: () => rmdirSync(group),
      };
    } catch {
      rmdirSync(group);
    }
  }
  return undefined;
}
