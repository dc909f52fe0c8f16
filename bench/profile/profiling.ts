import { writeFileSync } from "node:fs";
import { cacheFolder, projectFolder } from "../peers/cache.ts";
import type { Role } from "../peers/contract.ts";
import { connectInspector, type Inspector } from "./inspector.ts";
import { type ProfileSummary, summarizeProfile, type TimeSpent } from "./self-time.ts";

/** How many functions and modules are printed. */
const printedFunctions = 20;
const printedModules = 10;
/** A process that was busy for less has nothing to tell, such as a node that nothing was asked of. */
const leastBusyMicros = 50_000;

/** Profiles the roles that were started with an inspector, for exactly as long as something is measured. */
export interface Profiling {
  start(roles: readonly Role[]): Promise<void>;
  /** Ends the profiles, writes each to a file and prints where the time went. */
  stop(label: string): Promise<void>;
  close(): void;
}

/** Profiles nothing. */
export const noProfiling: Profiling = { start: async () => {}, stop: async () => {}, close: () => {} };

/** Makes one that prints with `print`. */
export function createProfiling(print: (text: string) => void): Profiling {
  const inspectors = new Map<string, Inspector>();
  let running: readonly { readonly role: string; readonly inspector: Inspector }[] = [];
  return {
    async start(roles) {
      running = await Promise.all(
        roles.flatMap(({ name, inspectors = [] }) => inspectors.map((address) => open(name, address))),
      );
      await Promise.all(running.map(({ inspector }) => inspector.start()));
    },
    async stop(label) {
      const profiles = await Promise.all(running.map(({ inspector }) => inspector.stop()));
      profiles.forEach((profile, index) => {
        const summary = summarizeProfile(profile, projectFolder);
        if (summary.busyMicros < leastBusyMicros) return;
        const { role } = running[index]!;
        const file = `${cacheFolder("profiles")}/${label}-${role}.cpuprofile`;
        writeFileSync(file, JSON.stringify(profile));
        print(table(`${label} ${role}`, file, summary));
      });
      running = [];
    },
    close() {
      for (const inspector of inspectors.values()) inspector.close();
    },
  };

  async function open(role: string, address: string) {
    const inspector = inspectors.get(address) ?? (await connectInspector(address));
    inspectors.set(address, inspector);
    return { role, inspector };
  }
}

function table(title: string, file: string, summary: ProfileSummary): string {
  const { busyMicros, functions, modules, inclusive } = summary;
  const lines = (times: readonly TimeSpent[], count: number) =>
    times
      .slice(0, count)
      .map(({ name, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}\n`)
      .join("");
  const where = file.replace(projectFolder, "");
  return [
    `\nProfile of ${title}: busy for ${Math.round(busyMicros / 1000)} ms (${where})\n`,
    ` own time by function\n${lines(functions, printedFunctions)}`,
    ` own time by module\n${lines(modules, printedModules)}`,
    ` our functions with what they call\n${lines(inclusive, printedFunctions)}`,
  ].join("");
}
