/**
 * Keeps what callers write apart from a model's special tokens. A template writes special tokens as text, such as
 * `<|im_end|>`; so could a caller, to forge the end of a turn. Before rendering, everything in callers' texts
 * that looks like a special token is masked; after it, what looks like one was written by the template.
 */
export class SpecialText {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #pattern: RegExp;

  /** `specials`: the pieces of the special tokens, with their ids. */
  constructor(specials: ReadonlyMap<string, number>) {
    this.#ids = specials;
    const longestFirst = [...specials.keys()].sort((a, b) => b.length - a.length);
    const alternatives = [maskBegin, maskEnd, ...longestFirst].map(RegExp.escape);
    this.#pattern = new RegExp(alternatives.join("|"), "g");
  }

  /** A fresh mask; use one for everything that goes into one rendering. */
  createMask(): Mask {
    return new Mask(this.#pattern);
  }

  /** Cuts a rendered text at its special tokens: ids for those, texts for what lies between. */
  split(rendered: string, mask: Mask): (number | string)[] {
    const parts: (number | string)[] = [];
    let from = 0;
    for (const match of rendered.matchAll(this.#pattern)) {
      const id = this.#ids.get(match[0]);
      if (id === undefined) continue;
      if (match.index > from) parts.push(...mask.reveal(rendered.slice(from, match.index)));
      parts.push(id);
      from = match.index + match[0].length;
    }
    if (from < rendered.length) parts.push(...mask.reveal(rendered.slice(from)));
    return parts;
  }
}

/** Remembers what it masked. */
export class Mask {
  readonly #pattern: RegExp;
  readonly #masked: string[] = [];

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** The same value with every look-alike in its texts, names of properties included, replaced. */
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

  /**
   * The text as its writer meant it, cut in the middle of each look-alike: a tokenizer takes some special tokens
   * for what they look like wherever it meets them whole.
   */
  reveal(text: string): string[] {
    const pieces: string[] = [""];
    let from = 0;
    for (const match of text.matchAll(maskPattern)) {
      const masked = this.#masked[Number(match[1])];
      // Not ours: it was in a text that nothing was hidden in.
      if (masked === undefined) continue;
      const middle = masked.length >> 1;
      pieces[pieces.length - 1] += text.slice(from, match.index) + masked.slice(0, middle);
      if (masked.length > 1) pieces.push("");
      pieces[pieces.length - 1] += masked.slice(middle);
      from = match.index + match[0].length;
    }
    pieces[pieces.length - 1] += text.slice(from);
    return pieces.filter((piece) => piece !== "");
  }
}

/** Noncharacters of Unicode: no text has a use for them, and those that have them are masked like the rest. */
const maskBegin = "\ufdd0";
const maskEnd = "\ufdd1";
const maskPattern = new RegExp(`${maskBegin}(\\d+)${maskEnd}`, "g");
