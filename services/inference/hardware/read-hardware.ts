import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { create } from "@bufbuild/protobuf";
import {
  type Gpu,
  GpuSchema,
  type Hardware,
  HardwareSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** What this machine has to compute with, as far as it reports. Takes a few seconds at most and never fails. */
export async function readHardware(): Promise<Hardware> {
  const [nvidia, amd] = await Promise.all([readNvidiaGpus(), readAmdGpus()]);
  return create(HardwareSchema, {
    platform: `${process.platform} ${process.arch}`,
    cpu: toLabel(cpus()[0]?.model ?? ""),
    cores: availableParallelism(),
    memoryBytes: BigInt(Math.min(totalmem(), memoryLimit())),
    gpus: [...nvidia, ...amd].slice(0, gpuLimit),
  });
}

function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

const gpuLimit = 64;

/** A card; 0 for what is no number of bytes. */
const toGpu = (name: string, bytes: number): Gpu =>
  create(GpuSchema, { name: toLabel(name), memoryBytes: BigInt(Number.isSafeInteger(bytes) ? bytes : 0) });

/** One line for a table, without control characters. */
const toLabel = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 128);

/** How long the driver's tool may take, in milliseconds; it wakes sleeping cards. */
const patienceMs = 3000;

/** Cards that NVIDIA's tool lists; none when it is missing or fails. */
async function readNvidiaGpus(): Promise<Gpu[]> {
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

const vendor = "0x1002";

/** Cards that AMD's driver on Linux shows below a folder; none elsewhere. */
export async function readAmdGpus(folder = "/sys/class/drm"): Promise<Gpu[]> {
  const entries = await readdir(folder).catch(() => []);
  const cards = entries.filter((entry) => /^card\d+$/.test(entry)).sort();
  const gpus = await Promise.all(cards.map((card) => readCard(join(folder, card, "device"))));
  return gpus.flat();
}

async function readCard(device: string): Promise<Gpu[]> {
  const read = (file: string) =>
    readFile(join(device, file), "utf8").then(
      (text) => text.trim(),
      () => "",
    );
  if ((await read("vendor")) !== vendor) return [];
  return [toGpu((await read("product_name")) || "AMD graphics", Number(await read("mem_info_vram_total")))];
}
