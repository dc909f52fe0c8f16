import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import { toOwnName, withoutFolder } from "./own-name.ts";

/** A model's name in the mesh, and why it has it. */
export interface Naming {
  /** The engine's name. */
  readonly engineName: string;
  /** The mesh's name; undefined when none is free, so that the model is not served. */
  readonly name: string | undefined;
  readonly because: Because;
}

export type Because =
  /** Set by the provider. */
  | { readonly kind: "set" }
  /** Known to the catalogue. */
  | { readonly kind: "known" }
  /** Unknown to the catalogue: the engine's name is used. */
  | { readonly kind: "unknown" }
  /** One of several in the catalogue, or a family: the engine's name is used. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly string[] }
  /** Another model of this engine has the name: the engine's is used, if free. */
  | { readonly kind: "taken"; readonly wanted: string; readonly by: string };

/** A name that a model would take, and its claim to it. */
interface Wish {
  readonly engineName: string;
  readonly name: string;
  readonly because: Because;
  /** The provider's choice first, then an exact match, then finer weights. */
  readonly rank: readonly number[];
}

/**
 * Names the models of one engine, in their order. `as` maps engine names (of files, with or without folder) to the
 * provider's choice, in the catalogue or not. The result depends on the set of names alone, not on their order.
 */
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
    const own = toOwnName(wish.engineName);
    const name = [own, wish.engineName].find((free) => !taken.has(free));
    if (name !== undefined) taken.set(name, wish.engineName);
    const because = { kind: "taken", wanted: wish.name, by } as const;
    namings.set(wish.engineName, { engineName: wish.engineName, name, because });
  }
  return engineNames.map((engineName) => namings.get(engineName)!);
}

function toWish(engineName: string, catalogue: Catalogue, as: ReadonlyMap<string, string>): Wish {
  const chosen = as.get(engineName) ?? as.get(withoutFolder(engineName));
  if (chosen !== undefined)
    return { engineName, name: chosen, because: { kind: "set" }, rank: [3, 0, toBits(engineName)] };
  const found = catalogue.resolve(engineName);
  if (found.kind === "known") {
    const { name } = found.entry;
    const isExact = engineName.toLowerCase() === name ? 1 : 0;
    return { engineName, name, because: { kind: "known" }, rank: [2, isExact, toBits(engineName)] };
  }
  const because: Because =
    found.kind === "unknown"
      ? found
      : { kind: "ambiguous", candidates: found.candidates.map(({ name }) => name) };
  return { engineName, name: toOwnName(engineName), because, rank: [1, 0, toBits(engineName)] };
}

/** The stronger claim first, ties in alphabetical order. */
function compare(a: Wish, b: Wish): number {
  for (const [index, rank] of a.rank.entries()) {
    const difference = b.rank[index]! - rank;
    if (difference !== 0) return difference;
  }
  return a.engineName < b.engineName ? -1 : 1;
}

/**
 * Bits per weight by the name of a model: `q4_K_M` is 4, `bf16` 16, a name without any 0. Good enough to prefer one
 * of two variants.
 */
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
