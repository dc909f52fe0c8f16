import type { CatalogueEntry } from "./entry.ts";

/** The model behind an engine's own name. */
export type Resolution =
  | { readonly kind: "known"; readonly entry: CatalogueEntry }
  /** One of these, in order of the file; the operator has to choose. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly CatalogueEntry[] }
  | { readonly kind: "unknown" };

/** Models and their names. */
export interface Catalogue {
  readonly entries: readonly CatalogueEntry[];
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

/** What packaging adds to a model's name: quantization, format, part number. */
const packaging = new RegExp(
  `(?:[-._:](?:${[
    "gguf|mlx|awq|gptq|bnb|qat|ud|i1|imat|imatrix|dynamic|latest",
    "int[48]|[2-8]-?bit|fp8|fp16|bf16|f16|f32|nvfp4|mxfp[48]|w\\d+a\\d+",
    "i?q\\d(?:_[0-9a-z]+)*|tq\\d_\\d",
    "\\d{5}-of-\\d{5}",
  ].join("|")}))+$`,
  "i",
);

/** The publisher before a file's name: `google_gemma-3-4b-it`. */
const publisher = /^[a-z][a-z-]*_(?=[a-z])/i;

/**
 * The names that an engine's own name may stand for, most literal first: unchanged, without folder or owner, without
 * packaging, and without publisher.
 *
 *     /models/google_gemma-3-4b-it-Q4_K_M.gguf  →  google_gemma-3-4b-it  →  gemma-3-4b-it
 *     hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M        →  Qwen3-8B
 *     llama3.1:8b-instruct-q8_0                 →  llama3.1:8b-instruct
 *
 * A tag in a user's namespace, `someone/llama3.1:8b`, may be any model, and stays as it is.
 */
function variantsOf(engineName: string): string[] {
  const own = engineName.trim().replace(/^(registry\.ollama\.ai\/)?library\//, "");
  const file = own.split(/[/\\]/).at(-1) ?? own;
  const bare = file.replace(packaging, "");
  const names = [file, bare, bare.replace(publisher, "")];
  return [...new Set([own, own.replace(packaging, ""), ...names.filter((name) => !isTagOfOwner(name, own))])];
}

const isTagOfOwner = (name: string, own: string): boolean => own.includes("/") && name.includes(":");

const familyOf = (name: string): string => name.split(":")[0] ?? name;
