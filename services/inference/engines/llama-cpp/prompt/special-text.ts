import type { Sliced } from "./in-slices.ts";

/** Masks look-alikes of special tokens, such as `<|im_end|>`, in callers' text: they could forge a turn. */
export class SpecialText {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #pattern: RegExp;

  constructor(specials: ReadonlyMap<string, number>) {
    this.#ids = specials;
    const longestFirst = [...specials.keys()].sort((a, b) => b.length - a.length);
    const alternatives = [maskBegin, maskEnd, ...longestFirst].map(RegExp.escape);
    this.#pattern = new RegExp(alternatives.join("|"), "g");
  }

  /** Use one per rendering. */
  createMask(): Mask {
    return new Mask(this.#pattern);
  }

  /** Splits a rendered text at its special tokens: ids for those, strings for the text between. */
  *split(rendered: string, mask: Mask): Sliced<(number | string)[]> {
    const parts: (number | string)[] = [];
    let from = 0;
    let count = 0;
    for (const match of rendered.matchAll(this.#pattern)) {
      if (++count % matchesAtOnce === 0) yield;
      const id = this.#ids.get(match[0]);
      if (id === undefined) continue;
      if (match.index > from) mask.revealTo(parts, rendered.slice(from, match.index));
      parts.push(id);
      from = match.index + match[0].length;
    }
    if (from < rendered.length) mask.revealTo(parts, rendered.slice(from));
    return parts;
  }
}

/** About a millisecond. */
const matchesAtOnce = 4096;

/** Masks look-alikes of special tokens, and restores them. */
export class Mask {
  readonly #pattern: RegExp;
  readonly #masked: string[] = [];

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** The value with every look-alike in its strings and property names masked. */
  hide<T>(value: T): T;
  hide(value: unknown): unknown {
    if (typeof value === "string")
      return value.replaceAll(
        this.#pattern,
        (text) => `${maskBegin}${this.#masked.push(text) - 1}${maskEnd}`,
      );
    if (Array.isArray(value)) return value.map((item) => this.hide(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.hide(key), this.hide(item)]));
  }

  /** The original text, split inside each look-alike, because tokenizers recognize some wherever they are whole. */
  reveal(text: string): string[] {
    const pieces: string[] = [];
    this.revealTo(pieces, text);
    return pieces;
  }

  /** The same, added to other parts. */
  revealTo(parts: (number | string)[], text: string): void {
    let piece = "";
    let from = 0;
    for (const match of text.matchAll(maskPattern)) {
      const masked = this.#masked[Number(match[1])];
      // Not ours: it comes from a text that was not masked.
      if (masked === undefined) continue;
      const middle = masked.length >> 1;
      piece += text.slice(from, match.index) + masked.slice(0, middle);
      if (masked.length > 1) {
        if (piece !== "") parts.push(piece);
        piece = "";
      }
      piece += masked.slice(middle);
      from = match.index + match[0].length;
    }
    piece += text.slice(from);
    if (piece !== "") parts.push(piece);
  }
}

/** Unicode noncharacters, which text has no use for; where it contains them, they are masked, too. */
const maskBegin = "\ufdd0";
const maskEnd = "\ufdd1";
const maskPattern = new RegExp(`${maskBegin}(\\d+)${maskEnd}`, "g");
