// Benchmarks: `npm run bench -- NAME [options]`. Each prints what docs/benchmarks.md quotes.

import { batches, usage as batchesUsage } from "./batches/index.ts";
import { faults, usage as faultsUsage } from "./faults/index.ts";
import { fleet, usage as fleetUsage } from "./fleet/index.ts";
import { parse, usage as parseUsage } from "./parse/index.ts";
import { killAll } from "./processes/child.ts";
import { relay, usage } from "./relay/index.ts";
import { soak, usage as soakUsage } from "./soak/index.ts";

/** Every benchmark by name. */
const benchmarks: Readonly<Record<string, { run(args: readonly string[]): Promise<number>; usage: string }>> =
  {
    relay: { run: relay, usage },
    parse: { run: parse, usage: parseUsage },
    fleet: { run: fleet, usage: fleetUsage },
    faults: { run: faults, usage: faultsUsage },
    soak: { run: soak, usage: soakUsage },
    batches: { run: batches, usage: batchesUsage },
  };

process.on("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

const [name = "", ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (benchmark === undefined || args.includes("--help")) {
  const all = Object.values(benchmarks).map((each) => each.usage);
  process.stdout.write(benchmark?.usage ?? all.join("\n"));
  process.exitCode = benchmark === undefined && name !== "--help" ? 2 : 0;
} else {
  try {
    process.exitCode = await benchmark.run(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
process.exit();
