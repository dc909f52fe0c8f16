import { printable, toTable } from "../../../core/terminal.ts";
import { listAbilities } from "./abilities.ts";
import type { HardwareRow, Row } from "./rows.ts";

/** A column of the table. */
interface Column {
  readonly heading: string;
  readonly cell: (row: Row) => string | number;
  /** Shown only with `wide`, or only with a router; default: always. */
  readonly only?: "wide" | "busy";
}

const columns: readonly Column[] = [
  { heading: "NODE", cell: ({ node }) => node },
  { heading: "ADDRESS", cell: ({ address }) => address },
  { heading: "MODEL", cell: ({ model }) => model },
  { heading: "ENGINE", cell: ({ engine }) => engine },
  { heading: "ENGINE NAME", cell: ({ engine_name }) => engine_name, only: "wide" },
  { heading: "SLOTS", cell: ({ slots }) => slots },
  { heading: "RUNNING", cell: ({ running = 0 }) => running, only: "busy" },
  { heading: "WAITING", cell: ({ waiting = 0 }) => waiting, only: "busy" },
  { heading: "CONTEXT", cell: ({ context_length }) => context_length },
  {
    heading: "TOKENS/S",
    // The router's own measure is better than what nodes report.
    cell: ({ router_tokens_per_second, tokens_per_second }) =>
      router_tokens_per_second ?? tokens_per_second ?? "-",
    only: "wide",
  },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "CAPABILITIES", cell: ({ capabilities }) => listAbilities(capabilities), only: "wide" },
  { heading: "VERSION", cell: ({ version }) => version || "-", only: "wide" },
  { heading: "HARDWARE", cell: ({ hardware }) => toHardwareText(hardware), only: "wide" },
];

/** The rows as a table; `wide` shows all columns. */
export function toNodesTable(rows: readonly Row[], wide: boolean): string {
  if (rows.length === 0) return "No node is registered. Join one with `cxmpute join`.\n";
  const busy = rows.some(({ running }) => running !== undefined);
  const shown = columns.filter(
    ({ only }) => only === undefined || (only === "wide" && wide) || (only === "busy" && busy),
  );
  return toTable(
    shown.map(({ heading }) => heading),
    rows.map((row) => shown.map(({ cell }) => printable(String(cell(row))))),
  );
}

/** Hardware in a line: `linux x64, 32 × AMD Ryzen 9 7950X, 64 GiB, 2 × NVIDIA GeForce RTX 4090 24 GiB`. */
export function toHardwareText(hardware: HardwareRow | null): string {
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
