import { familyOf, variantsOf } from "./engine-name.ts";
import type { CatalogueEntry } from "./entry.ts";

/** The model behind an engine's own name. */
export type Resolution =
  | { readonly kind: "known"; readonly entry: CatalogueEntry }
  /** One of these, in order of the file; the operator has to choose. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly CatalogueEntry[] }
  | { readonly kind: "unknown" };

/** Models and their names. */
export interface Catalogue {
  /** In order of the file. */
  readonly entries: readonly CatalogueEntry[];
  /** The entry with this canonical name; undefined when there is none. */
  get(name: string): CatalogueEntry | undefined;
  /**
   * The model behind an Ollama tag, a Hugging Face repository, a GGUF file or a canonical name, in any case. A bare
   * family name, such as `qwen3` or `qwen3:latest`, is never one of its models, because its meaning changes.
   */
  resolve(engineName: string): Resolution;
}

/** Makes a catalogue of entries whose canonical names are unique. */
export function createCatalogue(entries: readonly CatalogueEntry[]): Catalogue {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const byAlias = new Map<string, Set<CatalogueEntry>>();
  const byFamily = new Map<string, Set<CatalogueEntry>>();
  for (const entry of entries) {
    for (const alias of aliasesOf(entry)) addTo(byAlias, alias, entry);
    addTo(byFamily, familyOf(entry.name), entry);
  }
  return {
    entries,
    get: (name) => byName.get(name),
    resolve(engineName) {
      const variants = variantsOf(engineName.toLowerCase());
      for (const variant of variants) {
        const [entry, ...others] = byAlias.get(variant) ?? [];
        if (entry === undefined) continue;
        return others.length === 0
          ? { kind: "known", entry }
          : { kind: "ambiguous", candidates: [entry, ...others] };
      }
      for (const variant of variants) {
        const family = byFamily.get(variant);
        if (family !== undefined) return { kind: "ambiguous", candidates: [...family] };
      }
      return { kind: "unknown" };
    },
  };
}

/** Every name of an entry, in lower case. */
export const aliasesOf = ({ name, names }: CatalogueEntry): ReadonlySet<string> =>
  new Set([name, ...names.ollama, ...names.huggingFace, ...names.gguf].map((alias) => alias.toLowerCase()));

function addTo<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([value]));
  else known.add(value);
}
