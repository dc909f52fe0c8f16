import { type AST, RegExpParser } from "@eslint-community/regexpp";
import { allCodePoints, type CodePoints, toCodePoints, without } from "./code-points.ts";

/** A regular expression, as far as a grammar can express it. */
export type Pattern =
  | PatternSet
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

/** One character. `broad`: a negated set, which may leave out characters that JSON escapes. */
interface PatternSet {
  readonly kind: "set";
  readonly set: CodePoints;
  readonly broad: boolean;
}

/**
 * Parses an ECMAScript regular expression with the `u` flag, or without it where it is valid only so. Throws
 * a `SyntaxError` that names what a grammar cannot express: lookarounds, backreferences, word boundaries and
 * Unicode properties.
 */
export function parsePattern(source: string): Pattern {
  return toChoice(parse(source).alternatives, 0);
}

function parse(source: string): AST.Pattern {
  const parser = new RegExpParser();
  try {
    // With the flag, needless escapes are errors.
    const plain = source.replace(
      /\\([^0-9A-Za-z])/gu,
      (_, escaped: string) => `\\u{${escaped.codePointAt(0)!.toString(16)}}`,
    );
    return parser.parsePattern(plain, 0, plain.length, { unicode: true });
  } catch (error) {
    try {
      // Without the flag, supplementary characters would be split into surrogates.
      if (!/[\u{10000}-\u{10ffff}]/u.test(source)) return parser.parsePattern(source, 0, source.length);
    } catch {}
    if (error instanceof RangeError) throw tooDeep();
    const [, reason = "malformed"] = /: ([^:]*)$/.exec((error as Error).message) ?? [];
    throw new SyntaxError(`cannot be read (${reason.toLowerCase()})`);
  }
}

const tooDeep = (): SyntaxError => new SyntaxError("is nested too deeply");

function toChoice(alternatives: readonly AST.Alternative[], depth: number): Pattern {
  if (depth > depthLimit) throw tooDeep();
  const options = alternatives.map(({ elements }): Pattern => {
    const items = elements.map((element) => toPattern(element, depth));
    return items.length === 1 ? items[0]! : { kind: "sequence", items };
  });
  return options.length === 1 ? options[0]! : { kind: "choice", options };
}

function toPattern(element: AST.Element, depth: number): Pattern {
  switch (element.type) {
    case "Assertion":
      if (element.kind === "start" || element.kind === "end") return { kind: element.kind };
      if (element.kind === "word") throw new SyntaxError(`uses \`${element.raw}\``);
      throw new SyntaxError(element.kind === "lookahead" ? "looks ahead" : "looks behind");
    case "Group":
      if (element.modifiers !== null) throw new SyntaxError("sets flags");
      return toChoice(element.alternatives, depth + 1);
    case "CapturingGroup":
      return toChoice(element.alternatives, depth + 1);
    case "Quantifier": {
      // Lazy and greedy quantifiers match the same texts.
      const { min, max } = element;
      const item = toPattern(element.element, depth);
      return { kind: "repeat", item, min, max: max === Number.POSITIVE_INFINITY ? undefined : max };
    }
    case "CharacterClass": {
      const members = element.elements.map(toSet);
      const set = toCodePoints(members.flatMap((member) => member.set));
      if (element.negate) return { kind: "set", set: without(allCodePoints, set), broad: true };
      return { kind: "set", set, broad: members.some(({ broad }) => broad) };
    }
    default:
      return toSet(element);
  }
}

function toSet(element: AST.Element | AST.CharacterClassElement): PatternSet {
  switch (element.type) {
    case "Character":
      // Without the flag a meaningless escape is its letter, which is hardly what its author meant.
      if (/^\\[A-Za-z1-9]$/.test(element.raw) && !/^\\[bfnrtv]$/.test(element.raw)) break;
      if (element.value >= 0xd800 && element.value <= 0xdfff) break;
      return { kind: "set", set: [[element.value, element.value]], broad: false };
    case "CharacterClassRange":
      return { kind: "set", set: [[element.min.value, element.max.value]], broad: false };
    case "CharacterSet": {
      if (element.kind === "property") break;
      if (element.kind === "any") return { kind: "set", set: without(allCodePoints, lineEnds), broad: true };
      const set = escapes[element.kind];
      return { kind: "set", set: element.negate ? without(allCodePoints, set) : set, broad: element.negate };
    }
  }
  throw new SyntaxError(`uses \`${element.raw}\``);
}

const escapes: Readonly<Record<AST.EscapeCharacterSet["kind"], CodePoints>> = {
  digit: [[0x30, 0x39]],
  word: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ],
  space: [
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
  ],
};
const lineEnds: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const depthLimit = 64;
