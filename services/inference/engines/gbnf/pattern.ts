import { type CodePoints, has, toClass, without } from "./code-points.ts";
import { anyOf, type GrammarBuilder, literal } from "./grammar-builder.ts";
import { type Pattern, parsePattern } from "./pattern-syntax.ts";

/**
 * An expression for the inside of a JSON string whose value matches a regular expression. As in JSON Schema,
 * a pattern without anchors matches anywhere. Throws a `SyntaxError` that completes the sentence "the
 * pattern …".
 */
export function patternExpression(grammar: GrammarBuilder, source: string): string {
  const pattern = parsePattern(source);
  const options = pattern.kind === "choice" ? pattern.options : [pattern];
  return anyOf(options.map((option) => anchored(grammar, option)));
}

function anchored(grammar: GrammarBuilder, option: Pattern): string {
  const items = option.kind === "sequence" ? option.items : [option];
  const fromStart = items[0]?.kind === "start";
  const toEnd = items.at(-1)?.kind === "end";
  const inner = items.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined);
  const anything = grammar.repeat(grammar.json("char"), 0);
  const parts = [
    ...(fromStart ? [] : [anything]),
    ...inner.map((item) => expression(grammar, item)),
    ...(toEnd ? [] : [anything]),
  ];
  return parts.length === 0 ? '""' : parts.join(" ");
}

function expression(grammar: GrammarBuilder, pattern: Pattern): string {
  switch (pattern.kind) {
    case "set":
      return setExpression(pattern.set, pattern.broad);
    case "sequence":
      return pattern.items.length === 0
        ? '""'
        : `(${pattern.items.map((item) => expression(grammar, item)).join(" ")})`;
    case "choice":
      return anyOf(pattern.options.map((option) => expression(grammar, option)));
    case "repeat": {
      // llama.cpp refuses to repeat what may be empty.
      const mayBeEmpty = isNullable(pattern.item);
      const item = mayBeEmpty ? nonEmpty(pattern.item) : pattern.item;
      if (item === undefined || pattern.max === 0) return '""';
      const rule = grammar.rule(expression(grammar, item));
      return `(${grammar.repeat(rule, mayBeEmpty ? 0 : pattern.min, pattern.max)})`;
    }
    case "start":
    case "end":
      throw new SyntaxError("has an anchor in the middle");
  }
}

function setExpression(set: CodePoints, broad: boolean): string {
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

function isNullable(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "sequence":
      return pattern.items.every(isNullable);
    case "choice":
      return pattern.options.some(isNullable);
    case "repeat":
      return pattern.min === 0 || isNullable(pattern.item);
    default:
      return false;
  }
}

/** The pattern without the empty match; undefined when nothing is left. */
function nonEmpty(pattern: Pattern): Pattern | undefined {
  if (!isNullable(pattern)) return pattern;
  switch (pattern.kind) {
    case "sequence":
      return choice(
        pattern.items.map((item, index) => {
          const first = nonEmpty(item);
          return first && { kind: "sequence", items: [first, ...pattern.items.slice(index + 1)] };
        }),
      );
    case "choice":
      return choice(pattern.options.map(nonEmpty));
    case "repeat": {
      const item = pattern.max === 0 ? undefined : nonEmpty(pattern.item);
      return item && { kind: "repeat", item, min: 1, max: pattern.max };
    }
    default:
      return pattern;
  }
}

function choice(options: readonly (Pattern | undefined)[]): Pattern | undefined {
  const left = options.filter((option) => option !== undefined);
  return left.length === 0 ? undefined : { kind: "choice", options: left };
}

/** Characters that JSON strings must escape, and surrogates. */
const needEscape: CodePoints = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
  [0xd800, 0xdfff],
];

/** The ones with a short escape. */
const shortEscapes = [0x22, 0x5c, 0x08, 0x0c, 0x0a, 0x0d, 0x09];
