import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Gpu } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { toGpu } from "./gpu.ts";

/** AMD's number among those that make devices for the PCI bus. */
const vendor = "0x1002";

/** Cards of AMD's, as Linux's driver shows them below a folder; none elsewhere. */
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
