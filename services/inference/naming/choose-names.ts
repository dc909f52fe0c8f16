import type { Catalogue } from "../../../core/catalogue/catalogue.ts";

/** A model's name in the mesh, and why it has it. */
export interface Naming {
  readonly engineName: string;
  /** The mesh's name; undefined when none is free, so that the model is not served. */
  readonly name: string | undefined;
  readonly because: Because;
}

export type Because =
  | { readonly kind: "set" }
  | { readonly kind: "known" }
  /** Unknown to the catalogue: the engine's name is used. */
  | { readonly kind: "unknown" }
  /** One of several in the catalogue, or a family: the engine's name is used. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly string[] }
  /** Another model of this engine has the name: the engine's is used, if free. */
  | { readonly kind: "taken"; readonly wanted: string; readonly by: string };

/** A name that a model would take, and how strong its claim to it is. */
interface Wish extends Naming {
  readonly name: string;
  /** The provider's choice first, then an exact match, then any match; among equals, finer weights. */
  readonly rank: number;
}

/** Added to the bits per weight, which are at most 32. */
const ranks = { set: 300, exact: 200, known: 100, unknown: 0 };

/** Names one engine's models, in any order. `as` maps engine names, of files with or without folder. */
export function chooseNames(
  engineNames: readonly string[],
  catalogue: Catalogue,
  as: ReadonlyMap<string, string>,
): Naming[] {
  const wishes = engineNames.map((engineName) => toWish(engineName, catalogue, as)).sort(compare);
  const taken = new Map<string, string>();
  const namings = new Map<string, Naming>();
  const losers: { wish: Wish; by: string }[] = [];
  for (const wish of wishes) {
    const by = taken.get(wish.name);
    if (by === undefined) {
      taken.set(wish.name, wish.engineName);
      namings.set(wish.engineName, wish);
    } else losers.push({ wish, by });
  }
  for (const { wish, by } of losers) {
    const { engineName, name: wanted } = wish;
    const name = [toOwnName(engineName), engineName].find((free) => !taken.has(free));
    if (name !== undefined) taken.set(name, engineName);
    namings.set(engineName, { engineName, name, because: { kind: "taken", wanted, by } });
  }
  return engineNames.map((engineName) => namings.get(engineName)!);
}

function toWish(engineName: string, catalogue: Catalogue, as: ReadonlyMap<string, string>): Wish {
  const bits = toBits(engineName);
  const chosen = as.get(engineName) ?? as.get(withoutFolder(engineName));
  if (chosen !== undefined)
    return { engineName, name: chosen, because: { kind: "set" }, rank: ranks.set + bits };
  const found = catalogue.resolve(engineName);
  if (found.kind === "known") {
    const { name } = found.entry;
    const isExact = engineName.toLowerCase() === name;
    const rank = (isExact ? ranks.exact : ranks.known) + bits;
    return { engineName, name, because: { kind: "known" }, rank };
  }
  const because: Because =
    found.kind === "unknown"
      ? found
      : { kind: "ambiguous", candidates: found.candidates.map(({ name }) => name) };
  return { engineName, name: toOwnName(engineName), because, rank: ranks.unknown + bits };
}

/** The stronger claim first, ties in alphabetical order. */
const compare = (a: Wish, b: Wish): number => b.rank - a.rank || (a.engineName < b.engineName ? -1 : 1);

/** Bits per weight by a name, good enough to prefer one of two: `q4_K_M` is 4, `bf16` 16, a name without any 0. */
export function toBits(engineName: string): number {
  for (const [pattern, bits] of patterns) {
    const found = pattern.exec(engineName);
    if (found !== null) return bits ?? Number(found[1]);
  }
  return 0;
}

/** Each follows a separator and is not part of a longer word. */
const patterns: readonly (readonly [RegExp, number | undefined])[] = [
  [/[-._:](?:f|fp)32(?![a-z0-9])/i, 32],
  [/[-._:](?:bf|f|fp)16(?![a-z0-9])/i, 16],
  [/[-._:](?:fp8|int8|w8a\d+)(?![a-z0-9])/i, 8],
  [/[-._:](?:nvfp4|mxfp4|int4|awq|gptq|bnb)(?![a-z0-9])/i, 4],
  [/[-._:](?:i?q|tq)(\d)(?![0-9])/i, undefined],
  [/[-._:](\d)-?bit(?![a-z0-9])/i, undefined],
];

/**
 * A model's own name; of a file, without folder, part number and extension, because its location is private:
 * `/home/ada/my-tune-00001-of-00003.gguf` becomes `my-tune`.
 */
export function toOwnName(engineName: string): string {
  const name = engineName.trim();
  if (!isFile(name)) return name;
  return (
    withoutFolder(name)
      .replace(/\.gguf$/i, "")
      .replace(/-\d{5}-of-\d{5}$/, "") || name
  );
}

/** An engine's own name as it may be published: of a file without its folder. */
export function withoutFolder(engineName: string): string {
  const name = engineName.trim();
  return isFile(name) ? (name.split(/[/\\]/).findLast((part) => part !== "") ?? name) : name;
}

const isFile = (name: string): boolean => /\.gguf$/i.test(name) || /^(?:[/\\~.]|[A-Za-z]:[/\\])/.test(name);
