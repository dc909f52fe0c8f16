import { readFileSync } from "node:fs";
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import type { Fault } from "./faults.ts";
import { suggest } from "./suggest.ts";

/** One entry of a configuration file. */
export interface FileEntry {
  readonly section: string;
  readonly name: string;
  readonly value: unknown;
  /** `mesh.yaml:3 router.listen`. */
  readonly where: string;
}

/** The entries of a file, and the faults of its form. */
export interface ConfigFile {
  readonly entries: readonly FileEntry[];
  readonly faults: Fault[];
}

/** The sections that have a setting of this name. */
export type SectionsWith = (name: string) => readonly string[];

/** Reads a YAML file of settings by name in sections by service. Unknown sections are faults; files may be empty. */
export function readConfigFile(
  path: string,
  sections: readonly string[],
  sectionsWith: SectionsWith = () => [],
): ConfigFile {
  try {
    return parseConfig(path, readFileSync(path, "utf8"), sections, sectionsWith);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = { ENOENT: "there is no such file", EISDIR: "this is a folder", EACCES: "may not be read" };
    return { entries: [], faults: [{ where: path, message: why[code as keyof typeof why] ?? message }] };
  }
}

/** Parses a file's text; `path` is for faults. */
export function parseConfig(
  path: string,
  text: string,
  sections: readonly string[],
  sectionsWith: SectionsWith = () => [],
): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const faults: Fault[] = document.errors.map((error) => ({
    where: at(error.pos[0]),
    message: `this is not valid YAML: ${error.message}`,
  }));
  const entries: FileEntry[] = [];
  if (faults.length > 0) return { entries, faults };

  for (const { name: section, node, offset } of pairsOf(document.contents, path, at, faults)) {
    const where = `${at(offset)} ${section}`;
    if (!sections.includes(section)) {
      const homes = sectionsWith(section);
      const known =
        homes.length > 0
          ? `; it is a setting, which belongs into the section ${homes.join(" or ")}`
          : suggest(section, sections) || `; the sections are ${sections.join(", ")}`;
      faults.push({ where, message: `unknown section${known}` });
      continue;
    }
    for (const entry of pairsOf(node, where, at, faults))
      entries.push({
        section,
        name: entry.name,
        value: entry.node?.toJS(document),
        where: `${at(entry.offset)} ${section}.${entry.name}`,
      });
  }
  return { entries, faults };
}

/** The entries of a mapping or of nothing; anything else is a fault. */
function pairsOf(
  node: Node | null,
  where: string,
  at: (offset: number) => string,
  faults: Fault[],
): { name: string; node: Node | null; offset: number }[] {
  if (node === null || (isScalar(node) && node.value === null)) return [];
  if (!isMap<Node, Node | null>(node)) {
    faults.push({ where, message: "expected names with values, such as `listen: 127.0.0.1:8080`" });
    return [];
  }
  return node.items.flatMap(({ key, value }) => {
    const offset = key.range?.[0] ?? 0;
    if (isScalar(key) && typeof key.value === "string") return [{ name: key.value, node: value, offset }];
    faults.push({ where: at(offset), message: "expected a name" });
    return [];
  });
}
