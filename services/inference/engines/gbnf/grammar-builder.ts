import { SchemaError } from "./schema.ts";

/**
 * A grammar under construction, in GBNF (llama.cpp's form of BNF): rules with unique names. Equal rules are kept
 * once. Whatever comes out is a grammar that llama.cpp accepts, in a size that it takes in milliseconds.
 */
export class GrammarBuilder {
  readonly #rules = new Map<string, string>();
  readonly #names = new Map<string, string>();
  #repeated = 0;
  #length = 0;

  /** Names one of JSON's own rules, and adds it with all that it needs. */
  json(name: JsonRule): string {
    if (!this.#rules.has(name)) {
      const { body, needs } = jsonRules[name];
      this.define(name, body);
      for (const needed of needs) this.json(needed);
    }
    return name;
  }

  /** Makes a rule of an expression and returns its name, which can stand wherever one item is expected. */
  rule(body: string): string {
    let name = this.#names.get(body);
    if (name === undefined) {
      name = this.reserve();
      this.define(name, body);
      this.#names.set(body, name);
    }
    return name;
  }

  /** A name whose rule follows later with `define`; for rules that contain themselves. */
  reserve(): string {
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, "");
    return name;
  }

  /** Says what a reserved name stands for. */
  define(name: string, body: string): void {
    this.#rules.set(name, body);
    this.#length += name.length + body.length;
    this.#checkSize();
  }

  /**
   * An expression for `min` to `max` times this rule; no `max` for any number. llama.cpp makes rules out of each
   * single repetition, so large numbers are made of blocks.
   */
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

  /** The grammar's text; `root` is the expression that everything must match. */
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

/** A GBNF literal that matches this value written as JSON, without spaces. */
export const jsonLiteral = (value: unknown): string => literal(JSON.stringify(value));

/** Expressions as alternatives, in parentheses. */
export const anyOf = (expressions: readonly string[]): string =>
  expressions.length === 1 ? expressions[0]! : `(${expressions.join(" | ")})`;

const escaped = (character: string): string =>
  character === '"' || character === "\\"
    ? `\\${character}`
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** A bound above this is as good as none: no context holds so much. */
const repeatLimit = 65_536;
const blockSize = 256;
/** Of all repetitions together: more takes llama.cpp a noticeable time. */
const repeatedLimit = 16_384;
const rulesLimit = 8192;
/** In characters. */
const lengthLimit = 256 * 1024;

/** The names of JSON's own rules. */
type JsonRule = keyof typeof rules;

/** A rule and those that it names. */
interface JsonRuleBody {
  readonly body: string;
  readonly needs: readonly JsonRule[];
}

/**
 * JSON in GBNF, a little narrower than the standard, so that what a model writes at any temperature can be read
 * by any parser: white space is bounded, numbers stay finite, escapes never make half a surrogate pair.
 */
const rules = {
  /** At most one space or one line break with indentation. */
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

/** JSON's own rules, by name. */
const jsonRules: Readonly<Record<JsonRule, JsonRuleBody>> = rules;
