import { readFileSync } from "node:fs";
import { type Document, isMap, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import type { Fault } from "../config/faults.ts";
import { UserFault } from "../lifecycle/user-fault.ts";
import { type Catalogue, createCatalogue } from "./catalogue.ts";
import { catalogueFile } from "./catalogue-names.ts";
import { entrySchema, toEntry } from "./entry.ts";

/** Every fault of a catalogue file. */
export class CatalogueFault extends UserFault {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      ["The catalogue is wrong:", ...faults.map(({ where, message }) => `${where}: ${message}`)].join("\n  "),
    );
    this.faults = faults;
  }
}

/** Reads a catalogue file. Throws a `CatalogueFault` with all faults. */
export function loadCatalogue(path: string = catalogueFile): Catalogue {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    throw new CatalogueFault([{ where: path, message: (error as Error).message }]);
  }
  return parseCatalogue(path, content);
}

/** Parses a catalogue, a YAML list of entries; `path` is for faults. */
export function parseCatalogue(path: string, content: string): Catalogue {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0)
    throw new CatalogueFault(
      document.errors.map(({ pos, message }) => ({
        where: at(pos[0]),
        message: `no valid YAML: ${message}`,
      })),
    );
  const parsed = z.array(entrySchema).safeParse(document.toJS());
  if (!parsed.success)
    throw new CatalogueFault(
      parsed.error.issues.map((issue) => {
        const where = at(offsetOf(document, issue.path));
        return { where: `${where} ${toPath(document, issue.path)}`.trimEnd(), message: issue.message };
      }),
    );
  const faults = findRepeated(parsed.data.map(({ name }) => name)).map(({ name, index }) => ({
    where: `${at(offsetOf(document, [index, "name"]))} ${name}`,
    message: "there is an entry of this name above",
  }));
  if (faults.length > 0) throw new CatalogueFault(faults);
  return createCatalogue(parsed.data.map(toEntry));
}

type Path = readonly PropertyKey[];

/** The position of a value, or of the nearest parent when it is missing. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range != null) return node.range[0];
  }
  return 0;
}

/** Such as `llama3.1:8b names.ollama[0]`; an entry without a name is named by its index. */
function toPath(document: Document, [index, ...path]: Path): string {
  if (index === undefined) return "";
  const entry = document.getIn([index]);
  const name = isMap(entry) ? entry.get("name") : undefined;
  const field = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return `${typeof name === "string" ? name : `[${String(index)}]`} ${field.replace(/^\./, "")}`.trimEnd();
}

const findRepeated = (names: readonly string[]): { name: string; index: number }[] =>
  names.flatMap((name, index) => (names.indexOf(name) < index ? [{ name, index }] : []));
