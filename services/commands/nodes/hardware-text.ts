import { printable } from "../../../core/terminal.ts";
import type { HardwareRow } from "./rows.ts";

/** What a node runs on, in a line: `linux x64, 32 × AMD Ryzen 9 7950X, 64 GiB, 2 × NVIDIA GeForce RTX 4090 24 GiB`. */
export function toHardwareText(hardware: HardwareRow | null): string {
  if (hardware === null) return "not told";
  const { platform, cpu, cores, memory_bytes, gpus } = hardware;
  const cards = new Map<string, number>();
  for (const gpu of gpus) {
    const card = gpu.memory_bytes > 0 ? `${gpu.name} ${toGibibytes(gpu.memory_bytes)}` : gpu.name;
    cards.set(card, (cards.get(card) ?? 0) + 1);
  }
  const processor = cpu === "" ? `${cores} cores` : `${cores} × ${cpu}`;
  const shown = [...cards].map(([card, count]) => (count === 1 ? card : `${count} × ${card}`));
  return printable([platform, processor, toGibibytes(memory_bytes), ...shown].join(", "));
}

/** Whole GiB, or with one digit below 10. */
function toGibibytes(bytes: number): string {
  const gibibytes = bytes / 1024 ** 3;
  return `${gibibytes < 9.95 ? Number(gibibytes.toFixed(1)) : Math.round(gibibytes)} GiB`;
}
