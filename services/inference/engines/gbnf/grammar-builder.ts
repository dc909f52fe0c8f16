import { SchemaError } from "./schema.ts";

/** A grammar in GBNF, llama.cpp's form of BNF, under construction. Equal rules are kept once. */
export class GrammarBuilder {
  readonly #rules = new Map<string, string>();
  readonly #names = new Map<string, string>();
  #repeated = 0;
  #length = 0;

  /** The name of one of JSON's own rules, which is added with its dependencies. */
  json(name: JsonRule): string {
    if (!this.#rules.has(name)) {
      const { body, needs } = jsonRules[name];
      this.define(name, body);
      for (const needed of needs) this.json(needed);
    }
    return name;
  }

  /** Adds a rule for an expression and returns its name, which stands for a single item. */
  rule(body: string): string {
    let name = this.#names.get(body);
    if (name === undefined) {
      name = this.reserve();
      this.define(name, body);
      this.#names.set(body, name);
    }
    return name;
  }

  /** A name to `define` later, for recursive rules. */
  reserve(): string {
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, "");
    return name;
  }

  define(name: string, body: string): void {
    this.#rules.set(name, body);
    this.#length += name.length + body.length;
    this.#checkSize();
  }

  /** The rule `min` to `max` times. llama.cpp expands each single repetition, so large numbers are built of blocks. */
  repeat(rule: string, min: number, max?: number): string {
    if (min > repeatLimit) throw new SchemaError("", "asks for more repetitions than can be enforced");
    if (max === undefined || max > repeatLimit) {
      if (min <= blockSize) return this.#count(min, `${rule}{${min},}`);
      return `${this.#exactly(rule, min - blockSize)} ${this.#count(blockSize, `${rule}{${blockSize},}`)}`;
    }
    const optional = max - min;
    if (max <= blockSize) return this.#count(max, `${rule}{${min},${max}}`);
    return `${this.#exactly(rule, min)} ${this.#upTo(rule, optional)}`.trim();
  }

  /** The grammar's text; `root` is the expression that the whole input must match. See `checkCost`. */
  build(root: string): string {
    this.#length += root.length;
    this.#checkSize();
    const rules = [...this.#rules].map(([name, body]) => `${name} ::= ${body}\n`);
    return `root ::= ${root}\n${rules.join("")}`;
  }

  #checkSize(): void {
    if (this.#rules.size > rulesLimit || this.#length > lengthLimit)
      throw new SchemaError("", "is too large to be enforced");
  }

  #exactly(rule: string, times: number): string {
    const blocks = Math.floor(times / blockSize);
    const rest = times % blockSize;
    const parts: string[] = [];
    if (blocks > 0) parts.push(this.#count(blocks, `${this.#block(rule)}{${blocks}}`));
    if (rest > 0) parts.push(this.#count(rest, `${rule}{${rest}}`));
    return parts.join(" ");
  }

  #upTo(rule: string, times: number): string {
    if (times === 0) return "";
    if (times <= 2 * blockSize) return this.#count(times, `${rule}{0,${times}}`);
    const blocks = Math.floor(times / blockSize) - 1;
    const rest = times - blocks * blockSize;
    return `${this.#count(blocks, `${this.#block(rule)}{0,${blocks}}`)} ${this.#count(rest, `${rule}{0,${rest}}`)}`;
  }

  #block(rule: string): string {
    return this.rule(this.#count(blockSize, `${rule}{${blockSize}}`));
  }

  #count(times: number, expression: string): string {
    this.#repeated += times;
    if (this.#repeated > repeatedLimit) throw new SchemaError("", "is too large to be enforced");
    return expression;
  }
}

/** A GBNF literal that matches exactly this text. */
export const literal = (text: string): string =>
  `"${text.toWellFormed().replaceAll(/[\p{Cc}"\\]/gu, escaped)}"`;

/** A GBNF literal that matches this value as compact JSON. */
export const jsonLiteral = (value: unknown): string => literal(JSON.stringify(value));

/**
 * A literal for any of these texts. Many are written as a tree of what they have in common, because llama.cpp
 * looks at all alternatives that are open at one place.
 */
export function anyLiteral(texts: readonly string[], depth = 0): string {
  const plain = () => anyOf(texts.map(literal));
  if (texts.length < treeFrom || depth >= treeDepth) return plain();
  const groups = [...Map.groupBy(new Set(texts), (text) => firstCharacter(text)).values()];
  return anyOf(
    groups.map((group) => {
      const shared = group.length === 1 ? group[0]! : commonStart(group);
      if (group.length === 1 || shared === "") return anyOf(group.map(literal));
      const rest = group.map((text) => text.slice(shared.length));
      return `${literal(shared)} ${anyLiteral(rest, depth + 1)}`;
    }),
  );
}

const firstCharacter = (text: string): string => String.fromCodePoint(text.codePointAt(0) ?? 0);

/** The longest common start, in whole characters. */
function commonStart(texts: readonly string[]): string {
  const [first = ""] = texts;
  let length = first.length;
  for (const text of texts) {
    let same = 0;
    while (same < length && text[same] === first[same]) same++;
    length = same;
  }
  const start = first.slice(0, length);
  return start.isWellFormed() ? start : start.slice(0, -1);
}

/** Fewer are clearer as a list. */
const treeFrom = 32;
/** llama.cpp reads groups within groups by recursion. */
const treeDepth = 64;

/** Expressions as alternatives, in parentheses. */
export const anyOf = (expressions: readonly string[]): string =>
  expressions.length === 1 ? expressions[0]! : `(${expressions.join(" | ")})`;

const escaped = (character: string): string =>
  character === '"' || character === "\\"
    ? `\\${character}`
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** Larger bounds are not enforced: no context holds as much. */
const repeatLimit = 65_536;
const blockSize = 256;
/** Over all repetitions: more takes llama.cpp noticeable time. */
const repeatedLimit = 16_384;
const rulesLimit = 8192;
const lengthLimit = 128 * 1024;

/** JSON, slightly narrower than the standard: bounded white space, finite numbers, no half surrogate pairs. */
const jsonRules = {
  ws: { body: `(" " | "\\n" [ \\t]{0,20})?`, needs: [] },
  string: { body: `"\\"" char* "\\""`, needs: ["char"] },
  char: { body: `[^"\\\\\\x7F\\x00-\\x1F\\uD800-\\uDFFF] | "\\\\" escape`, needs: ["escape"] },
  escape: {
    body: `["\\\\/bfnrt] | "u" ([0-9a-cA-Ce-fE-F] hex hex hex | [dD] [0-7] hex hex)`,
    needs: ["hex"],
  },
  hex: { body: "[0-9a-fA-F]", needs: [] },
  integer: { body: `"-"? ("0" | [1-9] [0-9]{0,15})`, needs: [] },
  number: { body: `integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?`, needs: ["integer"] },
  boolean: { body: `"true" | "false"`, needs: [] },
  null: { body: `"null"`, needs: [] },
  value: {
    body: "object | array | string | number | boolean | null",
    needs: ["object", "array", "string", "number", "boolean", "null"],
  },
  object: {
    body: `"{" ws (member ("," ws member)*)? ws "}"`,
    needs: ["ws", "member"],
  },
  member: { body: `string ws ":" ws value`, needs: ["string", "ws", "value"] },
  array: { body: `"[" ws (value ("," ws value)*)? ws "]"`, needs: ["ws", "value"] },
} as const;

type JsonRule = keyof typeof jsonRules;
