import { allCodePoints, type CodePoints, toCodePoints, without } from "./code-points.ts";

/** A regular expression, as far as a grammar can say the same. */
export type Pattern =
  | { readonly kind: "set"; readonly set: CodePoints; readonly broad: boolean }
  | { readonly kind: "sequence"; readonly items: readonly Pattern[] }
  | { readonly kind: "choice"; readonly options: readonly Pattern[] }
  | {
      readonly kind: "repeat";
      readonly item: Pattern;
      readonly min: number;
      readonly max: number | undefined;
    }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

/**
 * Reads a regular expression of ECMAScript with the `u` flag. Throws a `SyntaxError` that names what a grammar
 * cannot express: looking around, references back, word boundaries and Unicode properties.
 */
export function parsePattern(source: string): Pattern {
  return new PatternParser(source).parse();
}

class PatternParser {
  readonly #source: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#source = [...source];
  }

  parse(): Pattern {
    const pattern = this.#choice(0);
    if (this.#at < this.#source.length) throw new SyntaxError("has a `)` too many");
    return pattern;
  }

  #choice(depth: number): Pattern {
    if (depth > depthLimit) throw new SyntaxError("is nested too deeply");
    const options: Pattern[] = [];
    do options.push(this.#sequence(depth));
    while (this.#take("|"));
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #sequence(depth: number): Pattern {
    const items: Pattern[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek())
      items.push(this.#quantified(this.#atom(depth)));
    return items.length === 1 ? items[0]! : { kind: "sequence", items };
  }

  #atom(depth: number): Pattern {
    const character = this.#next();
    switch (character) {
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case ".":
        return broad(without(allCodePoints, lineEnds));
      case "(":
        return this.#group(depth);
      case "[":
        return this.#class();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new SyntaxError(`has a \`${character}\` with nothing to repeat`);
      default:
        return one(character.codePointAt(0)!);
    }
  }

  #group(depth: number): Pattern {
    if (this.#take("?")) {
      if (this.#take("<")) {
        if (this.#peek() === "=" || this.#peek() === "!") throw new SyntaxError("looks behind");
        while (this.#next() !== ">");
      } else if (!this.#take(":")) throw new SyntaxError("looks ahead or sets flags");
    }
    const inner = this.#choice(depth + 1);
    if (!this.#take(")")) throw new SyntaxError("has a `(` that is not closed");
    return inner;
  }

  #quantified(item: Pattern): Pattern {
    const bounds = this.#bounds();
    if (bounds === undefined) return item;
    if (item.kind === "start" || item.kind === "end") throw new SyntaxError("repeats an anchor");
    this.#take("?"); // Lazy or greedy matches the same texts.
    return { kind: "repeat", item, ...bounds };
  }

  #bounds(): { min: number; max: number | undefined } | undefined {
    if (this.#take("*")) return { min: 0, max: undefined };
    if (this.#take("+")) return { min: 1, max: undefined };
    if (this.#take("?")) return { min: 0, max: 1 };
    const match = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(
      this.#source.slice(this.#at, this.#at + 24).join(""),
    );
    if (match === null) return undefined;
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === undefined ? undefined : Number(match[3]);
    if (max !== undefined && max < min) throw new SyntaxError("has a repetition whose bounds are reversed");
    return { min, max };
  }

  #class(): Pattern {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    let anyBroad = false;
    while (!this.#take("]")) {
      const from = this.#classMember();
      const isRange = this.#peek() === "-" && this.#source[this.#at + 1] !== "]";
      if (!isRange) {
        ranges.push(...from.set);
        anyBroad ||= from.broad;
        continue;
      }
      this.#at++;
      const to = this.#classMember();
      const [low, high] = [single(from.set), single(to.set)];
      if (low === undefined || high === undefined || high < low)
        throw new SyntaxError("has a range of characters that is none");
      ranges.push([low, high]);
    }
    const set = toCodePoints(ranges);
    return negated ? broad(without(allCodePoints, set)) : { kind: "set", set, broad: anyBroad };
  }

  #classMember(): PatternSet {
    const character = this.#next();
    if (character !== "\\") return one(character.codePointAt(0)!);
    return this.#take("b") ? one(0x08) : this.#escape();
  }

  #escape(): PatternSet {
    const character = this.#next();
    switch (character) {
      case "d":
        return { kind: "set", set: digits, broad: false };
      case "w":
        return { kind: "set", set: wordCharacters, broad: false };
      case "s":
        return { kind: "set", set: spaces, broad: false };
      case "D":
        return broad(without(allCodePoints, digits));
      case "W":
        return broad(without(allCodePoints, wordCharacters));
      case "S":
        return broad(without(allCodePoints, spaces));
      case "x":
        return one(this.#hex(2));
      case "u":
        return one(this.#unicode());
    }
    const control = controls[character];
    if (control !== undefined) return one(control);
    if (/[0-9A-Za-z]/.test(character)) throw new SyntaxError(`uses \`\\${character}\``);
    return one(character.codePointAt(0)!);
  }

  #unicode(): number {
    if (this.#take("{")) {
      let digits = "";
      for (let next = this.#next(); next !== "}"; next = this.#next()) digits += next;
      return codePoint(digits);
    }
    const first = this.#hex(4);
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first > 0xdbff || !this.#take("\\") || !this.#take("u"))
      throw new SyntaxError("has half a surrogate pair");
    return ((first & 0x3ff) << 10) + (this.#hex(4) & 0x3ff) + 0x10000;
  }

  #hex(length: number): number {
    let digits = "";
    while (digits.length < length) digits += this.#next();
    return codePoint(digits);
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(): string {
    const character = this.#source[this.#at++];
    if (character === undefined) throw new SyntaxError("ends in the middle");
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

type PatternSet = Extract<Pattern, { kind: "set" }>;

const one = (codePoint: number): PatternSet => ({
  kind: "set",
  set: [[codePoint, codePoint]],
  broad: false,
});

/** A set that says what a character is not; nobody minds when some that need an escape in JSON are left out. */
const broad = (set: CodePoints): PatternSet => ({ kind: "set", set, broad: true });

const single = (set: CodePoints): number | undefined =>
  set.length === 1 && set[0]![0] === set[0]![1] ? set[0]![0] : undefined;

function codePoint(hex: string): number {
  const value = /^[0-9a-fA-F]{1,6}$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
  if (!(value <= 0x10ffff)) throw new SyntaxError("has an escape that is no character");
  return value;
}

const digits: CodePoints = [[0x30, 0x39]];
const wordCharacters = toCodePoints([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
const spaces = toCodePoints([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);
const lineEnds = toCodePoints([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);
const controls: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, "0": 0x00 };
const depthLimit = 64;
