import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const projectFolder = fileURLToPath(new URL("../../", import.meta.url));

/** A folder of that name for what the benchmarks install and write, which git ignores; made when missing. */
export function cacheFolder(name: string): string {
  const folder = `${projectFolder}.cache/bench/${name}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}
