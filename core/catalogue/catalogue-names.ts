import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../package-folder.ts";

/** The catalogue that comes with the program. */
export const catalogueFile = join(packageFolder, "models", "catalogue.yaml");

/**
 * The names in the catalogue, for processes that need no more of it: parsing the whole file takes 0.1 s, which would
 * hold up every answer meanwhile.
 */
export function catalogueNames(): ReadonlySet<string> {
  names ??= new Set(
    Array.from(readFileSync(catalogueFile, "utf8").matchAll(/^- name: (\S+)$/gm), ([, name]) => name!),
  );
  return names;
}

let names: ReadonlySet<string> | undefined;
