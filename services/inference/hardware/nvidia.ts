import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Gpu } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { toGpu } from "./gpu.ts";

/** How long the driver's tool may take, in milliseconds; it wakes sleeping cards. */
const patienceMs = 3000;

/** Cards of NVIDIA's, as its driver's own tool lists them; none when there is no such tool, or it fails. */
export async function readNvidiaGpus(): Promise<Gpu[]> {
  try {
    const { stdout } = await promisify(execFile)(
      "nvidia-smi",
      ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
      { timeout: patienceMs, maxBuffer: 64 * 1024, windowsHide: true },
    );
    return parseNvidiaSmi(stdout);
  } catch {
    return [];
  }
}

/** Reads lines such as `NVIDIA GeForce RTX 4090, 24564`: a name, and MiB of memory. */
export function parseNvidiaSmi(output: string): Gpu[] {
  return output.split("\n").flatMap((line) => {
    const [, name, mebibytes] = /^\s*(.*\S)\s*,\s*(\S+)\s*$/.exec(line) ?? [];
    // Cards that share the main memory answer `[N/A]`.
    return name === undefined ? [] : toGpu(name, Number(mebibytes) * 1024 ** 2);
  });
}
