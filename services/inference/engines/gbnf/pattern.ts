import { type AST, RegExpParser, visitRegExpAST } from "@eslint-community/regexpp";
import { allCodePoints, type CodePoints, has, toClass, toCodePoints, without } from "./code-points.ts";
import { anyOf, type GrammarBuilder, literal } from "./grammar-builder.ts";

/**
 * An expression for the inside of a JSON string whose value matches an ECMAScript regular expression, with
 * the `u` flag where that is valid; without anchors it matches anywhere. Throws a `SyntaxError` that
 * completes "the pattern …" and names what a grammar cannot express, such as lookarounds.
 */
export function patternExpression(grammar: GrammarBuilder, source: string): string {
  const pattern = parse(source);
  checkGroups(pattern);
  return anyOf(unwrapped(pattern.alternatives).map((elements) => anchored(grammar, elements)));
}

/** The alternatives of a pattern, also when groups surround them. */
function unwrapped(alternatives: readonly AST.Alternative[]): Elements[] {
  return alternatives.flatMap(({ elements }) => {
    const [only] = elements;
    return elements.length === 1 && (only?.type === "Group" || only?.type === "CapturingGroup")
      ? unwrapped(only.alternatives)
      : [elements];
  });
}

type Elements = readonly AST.Element[];

function anchored(grammar: GrammarBuilder, elements: Elements): string {
  const fromStart = isAnchor(elements[0], "start");
  const toEnd = isAnchor(elements.at(-1), "end");
  const inner = elements.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined);
  const anything = grammar.repeat(grammar.json("char"), 0);
  const parts = inner.map((element) => expression(grammar, element, "all"));
  if (!fromStart) parts.unshift(anything);
  if (!toEnd) parts.push(anything);
  return parts.length === 0 ? '""' : parts.join(" ");
}

const isAnchor = (element: AST.Element | undefined, kind: "start" | "end"): boolean =>
  element?.type === "Assertion" && element.kind === kind;

/** Which matches an expression has. llama.cpp refuses to repeat what may be empty. */
type Matches = "all" | "non-empty";

/** An expression for an element; empty when it has no such matches. */
function expression(grammar: GrammarBuilder, element: AST.Element, matches: Matches): string {
  switch (element.type) {
    case "Assertion":
      throw assertionFault(element);
    case "Group":
    case "CapturingGroup":
      return eitherOf(element.alternatives.map(({ elements }) => sequence(grammar, elements, matches)));
    case "Quantifier": {
      // Lazy and greedy quantifiers match the same texts.
      const { element: item, min, max } = element;
      const isNullable = mayBeEmpty(item);
      const repeated = max === 0 ? "" : expression(grammar, item, isNullable ? "non-empty" : "all");
      if (repeated === "") return matches === "all" ? '""' : "";
      const least = Math.max(isNullable ? 0 : min, matches === "all" ? 0 : 1);
      return `(${grammar.repeat(grammar.rule(repeated), least, max)})`;
    }
    default:
      return setExpression(toSet(element));
  }
}

function sequence(grammar: GrammarBuilder, elements: Elements, matches: Matches): string {
  const all = (rest: Elements) => rest.map((element) => expression(grammar, element, "all"));
  if (matches === "all" || !elements.every(mayBeEmpty)) return joined(all(elements));
  return eitherOf(
    elements.map((element, index) => {
      const first = expression(grammar, element, "non-empty");
      return first === "" ? "" : joined([first, ...all(elements.slice(index + 1))]);
    }),
  );
}

function mayBeEmpty(element: AST.Element): boolean {
  switch (element.type) {
    case "Group":
    case "CapturingGroup":
      return element.alternatives.some(({ elements }) => elements.every(mayBeEmpty));
    case "Quantifier":
      return element.min === 0 || mayBeEmpty(element.element);
    default:
      return false;
  }
}

function joined(expressions: readonly string[]): string {
  if (expressions.length === 0) return '""';
  return expressions.length === 1 ? expressions[0]! : `(${expressions.join(" ")})`;
}

function eitherOf(options: readonly string[]): string {
  const left = options.filter((option) => option !== "");
  return left.length === 0 ? "" : anyOf(left);
}

function assertionFault({ kind, raw }: AST.Assertion): SyntaxError {
  const faults = { word: `uses \`${raw}\``, lookahead: "looks ahead", lookbehind: "looks behind" };
  return new SyntaxError(kind === "start" || kind === "end" ? "has an anchor in the middle" : faults[kind]);
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

function checkGroups(pattern: AST.Pattern): void {
  let depth = 0;
  const enter = () => {
    if (++depth > depthLimit) throw tooDeep();
  };
  const leave = () => {
    depth--;
  };
  visitRegExpAST(pattern, {
    onGroupEnter: ({ modifiers }) => {
      if (modifiers !== null) throw new SyntaxError("sets flags");
      enter();
    },
    onGroupLeave: leave,
    onCapturingGroupEnter: enter,
    onCapturingGroupLeave: leave,
  });
}

/** One character. `broad`: a negated set, which may leave out characters that JSON escapes. */
interface CharacterSet {
  readonly set: CodePoints;
  readonly broad: boolean;
}

function toSet(element: AST.Element | AST.CharacterClassElement): CharacterSet {
  switch (element.type) {
    case "CharacterClass": {
      const members = element.elements.map(toSet);
      const set = toCodePoints(members.flatMap((member) => member.set));
      if (element.negate) return { set: without(allCodePoints, set), broad: true };
      return { set, broad: members.some(({ broad }) => broad) };
    }
    case "Character":
      // Without the flag a meaningless escape is its letter, which is hardly what its author meant.
      if (/^\\[A-Za-z1-9]$/.test(element.raw) && !/^\\[bfnrtv]$/.test(element.raw)) break;
      if (element.value >= 0xd800 && element.value <= 0xdfff) break;
      return { set: [[element.value, element.value]], broad: false };
    case "CharacterClassRange":
      return { set: [[element.min.value, element.max.value]], broad: false };
    case "CharacterSet": {
      if (element.kind === "property") break;
      if (element.kind === "any") return { set: without(allCodePoints, lineEnds), broad: true };
      const set = escapes[element.kind];
      return { set: element.negate ? without(allCodePoints, set) : set, broad: element.negate };
    }
  }
  throw new SyntaxError(`uses \`${element.raw}\``);
}

function setExpression({ set, broad }: CharacterSet): string {
  const [only] = set;
  if (only === undefined) throw new SyntaxError("has an empty set of characters");
  if (set.length === 1 && only[0] === only[1]) return escaped(only[0]);
  const plain = without(set, needEscape);
  const options = plain.length === 0 ? [] : [toClass(plain)];
  if (!broad) options.push(...shortEscapes.filter((codePoint) => has(set, codePoint)).map(escaped));
  if (options.length === 0) throw new SyntaxError("asks for characters that cannot be written");
  return anyOf(options);
}

const escaped = (codePoint: number): string =>
  literal(JSON.stringify(String.fromCodePoint(codePoint)).slice(1, -1));

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

/** Characters that JSON strings must escape, and surrogates. */
const needEscape: CodePoints = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
  [0xd800, 0xdfff],
];

const shortEscapes = [0x22, 0x5c, 0x08, 0x0c, 0x0a, 0x0d, 0x09];

const depthLimit = 64;
