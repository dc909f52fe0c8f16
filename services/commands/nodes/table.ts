import { printable, toTable } from "../../../core/terminal.ts";
import type { Abilities, HardwareRow, Row } from "./rows.ts";

/** The cells of a table by heading; one without a value is `-`. */
export type Columns<T> = Readonly<Record<string, (row: T) => string | number | null | undefined>>;

/** Untrusted rows as a table. */
export const toPrintableTable = <T>(columns: Columns<T>, rows: readonly T[]): string =>
  toTable(
    Object.keys(columns),
    rows.map((row) => Object.values(columns).map((cell) => printable(String(cell(row) ?? "-")))),
  );

const columns: Columns<Row> = {
  NODE: ({ node }) => node,
  ADDRESS: ({ address }) => address,
  MODEL: ({ model }) => model,
  ENGINE: ({ engine }) => engine,
  "ENGINE NAME": ({ engine_name }) => engine_name,
  SLOTS: ({ slots }) => slots,
  RUNNING: ({ running = 0 }) => running,
  WAITING: ({ waiting = 0 }) => waiting,
  CONTEXT: ({ context_length }) => context_length,
  // The router's own measure is better than what nodes report.
  "TOKENS/S": ({ router_tokens_per_second, tokens_per_second }) =>
    router_tokens_per_second ?? tokens_per_second,
  STATE: ({ state }) => state,
  CAPABILITIES: ({ capabilities }) => listAbilities(capabilities),
  VERSION: ({ version }) => version || "-",
  HARDWARE: ({ hardware }) => toHardwareText(hardware),
};

const onlyWide = ["ENGINE NAME", "TOKENS/S", "CAPABILITIES", "VERSION", "HARDWARE"];
const onlyWithRouter = ["RUNNING", "WAITING"];

/** The rows as a table; `wide` shows all columns. */
export function toNodesTable(rows: readonly Row[], wide: boolean): string {
  if (rows.length === 0) return "No node is registered. Join one with `cxmpute join`.\n";
  const isRouted = rows.some(({ running }) => running !== undefined);
  const hidden = [...(wide ? [] : onlyWide), ...(isRouted ? [] : onlyWithRouter)];
  const shown = Object.entries(columns).filter(([heading]) => !hidden.includes(heading));
  return toPrintableTable(Object.fromEntries(shown), rows);
}

/** The present capabilities: `tools, json_schema, resume from text`. */
export function listAbilities({ resume, ...flags }: Abilities): string {
  const names = Object.entries(flags).flatMap(([name, able]) => (able ? [name] : []));
  return [...names, ...(resume === "none" ? [] : [`resume from ${resume}`])].join(", ") || "none";
}

/** Hardware in a line: `linux x64, 32 × AMD Ryzen 9 7950X, 64 GiB, 2 × NVIDIA GeForce RTX 4090 24 GiB`. */
export function toHardwareText(hardware: HardwareRow): string {
  if (hardware === null) return "not reported";
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
