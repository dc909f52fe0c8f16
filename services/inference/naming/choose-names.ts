import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import { toOwnName, withoutFolder } from "./own-name.ts";

/** Under which name the mesh gets to know a model, and why. */
export interface Naming {
  /** What the engine calls it. */
  readonly engineName: string;
  /** What the mesh calls it; undefined when no name is left for it, so that it is not served. */
  readonly name: string | undefined;
  readonly because: Because;
}

/** Why a model has its name. */
export type Because =
  /** The provider has said so. */
  | { readonly kind: "told" }
  /** The catalogue knows it by the engine's name. */
  | { readonly kind: "known" }
  /** The catalogue does not know it: it goes by its own name. */
  | { readonly kind: "unknown" }
  /** The catalogue has several that it may be, or a family; it goes by its own name. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly string[] }
  /** Another model of this engine has the name that it would have; it goes by its own, if that is free. */
  | { readonly kind: "taken"; readonly wanted: string; readonly by: string };

/** A name that a model would like, and how much of a right it has to it. */
interface Wish {
  readonly engineName: string;
  readonly name: string;
  readonly because: Because;
  /** What the provider says goes first, then what the engine calls exactly so, then the finer weights. */
  readonly rank: readonly number[];
}

/**
 * Names the models of one engine, each once and in their order. `as` is the provider's own word, by engine name (of a
 * file, with its folder or without); it may name anything, in the catalogue or not. The choice depends on the set of names alone, not on their order.
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
  const told = as.get(engineName) ?? as.get(withoutFolder(engineName));
  if (told !== undefined)
    return { engineName, name: told, because: { kind: "told" }, rank: [3, 0, toBits(engineName)] };
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

/** The greater right first; between equals the order of the alphabet, so that it never depends on the engine's. */
function compare(a: Wish, b: Wish): number {
  for (const [index, rank] of a.rank.entries()) {
    const difference = b.rank[index]! - rank;
    if (difference !== 0) return difference;
  }
  return a.engineName < b.engineName ? -1 : 1;
}

/**
 * Bits for each weight, as an engine's own name gives them: `q4_K_M` is 4, `bf16` 16, a name without any 0. A guide
 * for preferring one of two forms of a model, not a measure.
 */
export function toBits(engineName: string): number {
  for (const [pattern, bits] of patterns) {
    const found = pattern.exec(engineName);
    if (found !== null) return bits ?? Number(found[1]);
  }
  return 0;
}

/** Each stands behind a separator and is no part of a longer word. */
const patterns: readonly (readonly [RegExp, number | undefined])[] = [
  [/[-._:](?:f|fp)32(?![a-z0-9])/i, 32],
  [/[-._:](?:bf|f|fp)16(?![a-z0-9])/i, 16],
  [/[-._:](?:fp8|int8|w8a\d+)(?![a-z0-9])/i, 8],
  [/[-._:](?:nvfp4|mxfp4|int4|awq|gptq|bnb)(?![a-z0-9])/i, 4],
  [/[-._:](?:i?q|tq)(\d)(?![0-9])/i, undefined],
  [/[-._:](\d)-?bit(?![a-z0-9])/i, undefined],
];
