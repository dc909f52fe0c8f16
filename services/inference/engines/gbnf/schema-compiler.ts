import { linearPattern } from "../text/linear-pattern.ts";
import { allows, type Lookup } from "./allows.ts";
import { arrayExpression } from "./arrays.ts";
import { anyLiteral, anyOf, type GrammarBuilder } from "./grammar-builder.ts";
import { annotations, mergeSchemas } from "./merge.ts";
import { integerExpression, numberExpression } from "./number-range.ts";
import { objectExpression } from "./objects.ts";
import {
  type Compilation,
  isObject,
  list,
  number,
  SchemaError,
  type SchemaObject,
  typesOf,
} from "./schema.ts";
import { stringExpression } from "./strings.ts";

/** How to compile a schema. */
export interface SchemaOptions {
  /** True: keywords that cannot be enforced are errors; otherwise they are ignored. */
  readonly strict: boolean;
}

/** An expression that only valid JSON, but not all, matches (drafts 4 to 2020-12). Throws `SchemaError`. */
export function schemaExpression(grammar: GrammarBuilder, schema: unknown, options: SchemaOptions): string {
  return new SchemaCompiler(grammar, schema, options).compile(schema, "");
}

class SchemaCompiler implements Compilation {
  readonly grammar: GrammarBuilder;
  readonly #root: unknown;
  readonly #strict: boolean;
  /** Rules of referenced schemas, and the depth at which each was started; -1 when complete. */
  readonly #references = new Map<string, { rule: string; depth: number }>();
  #depth = 0;
  /** Schemas that are being compiled within each other; references and unions do not count as depth. */
  #nested = 0;
  #steps = 0;
  #checks = 0;
  #merged = 0;

  constructor(grammar: GrammarBuilder, root: unknown, { strict }: SchemaOptions) {
    this.grammar = grammar;
    this.#root = root;
    this.#strict = strict;
  }

  compile(schema: unknown, path: string): string {
    return this.#deeper(path, () => this.#expression(schema, path));
  }

  unenforced(schema: SchemaObject, path: string, keywords: readonly string[]): void {
    if (!this.#strict) return;
    const keyword = keywords.find((name) => schema[name] !== undefined && schema[name] !== false);
    if (keyword !== undefined) throw new SchemaError(path, `uses \`${keyword}\`, which cannot be enforced`);
  }

  #expression(schema: unknown, path: string): string {
    this.#step(path);
    if (this.#nested >= nestedLimit)
      throw new SchemaError(path, "goes through too many references and unions");
    this.#nested++;
    const expression = this.#expressionOf(schema, path);
    this.#nested--;
    return expression;
  }

  #expressionOf(schema: unknown, path: string): string {
    if (schema === true) return this.grammar.json("value");
    if (schema === false) throw new SchemaError(path, "allows nothing");
    if (!isObject(schema)) throw new SchemaError(path, "is neither an object nor a boolean");
    if (schema.$ref !== undefined) return this.#reference(schema, path);
    if (schema.allOf !== undefined) return this.#expression(this.#flatten(schema, path), path);
    this.unenforced(schema, path, ["not", "if", "$dynamicRef", "$recursiveRef"]);
    const { const: constant, ...beside } = schema;
    if (constant !== undefined) return this.#values([constant], beside, path);
    const values = list(schema, "enum", path);
    if (values !== undefined) return this.#values(values, { ...schema, enum: undefined }, path);
    const options = list(schema, "anyOf", path) ?? list(schema, "oneOf", path);
    if (options !== undefined) return this.#anyOf(options, schema, path);
    return this.#typed(schema, path);
  }

  #typed(schema: SchemaObject, path: string): string {
    const types = typesOf(schema);
    if (types === undefined) return this.grammar.json("value");
    if (types.length === 0) throw new SchemaError(path, "allows no type");
    return anyOf(types.map((type) => this.#ofType(type, schema, path)));
  }

  #ofType(type: unknown, schema: SchemaObject, path: string): string {
    switch (type) {
      case "object":
        return objectExpression(this, schema, path);
      case "array":
        return arrayExpression(this, schema, path);
      case "string":
        return stringExpression(this, schema, path);
      case "integer":
      case "number":
        return this.#number(type, schema, path);
      case "boolean":
      case "null":
        return this.grammar.json(type);
      default:
        throw new SchemaError(path, "has a type that JSON does not know");
    }
  }

  #number(type: "integer" | "number", schema: SchemaObject, path: string): string {
    if (!(type === "integer" && schema.multipleOf === 1)) this.unenforced(schema, path, ["multipleOf"]);
    const names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;
    const bounds = Object.fromEntries(
      names.map((name) => [
        name,
        number(schema, (schema[name] === true && draft4Bounds[name]) || name, path),
      ]),
    );
    if (names.every((name) => bounds[name] === undefined)) return this.grammar.json(type);
    const expression = type === "integer" ? integerExpression(bounds) : numberExpression(bounds);
    if (expression === undefined) throw new SchemaError(path, "has bounds that no number meets");
    return expression;
  }

  #values(values: readonly unknown[], schema: SchemaObject, path: string): string {
    const patterns = new Map<string, ReturnType<typeof linearPattern>>();
    const lookup: Lookup = {
      schema: (reference) => this.#find(reference, path),
      check: (cost) => {
        this.#checks += cost;
        if (this.#checks > checksLimit) throw new SchemaError(path, "is too large to be enforced");
      },
      pattern: (source) => {
        let pattern = patterns.get(source);
        if (pattern === undefined) {
          lookup.check(patternCost + source.length);
          pattern = compilePattern(source, path);
          patterns.set(source, pattern);
        }
        return pattern;
      },
    };
    const allowed = values.filter((value) => allows(schema, value, lookup));
    if (allowed.length === 0) throw new SchemaError(path, "allows no value");
    return anyLiteral(allowed.map((value) => JSON.stringify(value)));
  }

  #anyOf(options: readonly unknown[], schema: SchemaObject, path: string): string {
    const { anyOf: _anyOf, oneOf, ...base } = schema;
    // With both keywords, each option of one is combined with each of the other.
    const rest = _anyOf !== undefined && oneOf !== undefined ? { ...base, oneOf } : base;
    const binding = Object.keys(rest).some((keyword) => !annotations.has(keyword));
    const expressions = options.flatMap((option, index) => {
      const optionPath = `${path}/${_anyOf === undefined ? "oneOf" : "anyOf"}/${index}`;
      if (!binding) return [this.#expression(option, optionPath)];
      const merged = this.#flatten({ allOf: [rest, option] }, optionPath, false);
      return merged === undefined ? [] : [this.#expression(merged, optionPath)];
    });
    if (expressions.length === 0) throw new SchemaError(path, "allows nothing");
    return anyOf(expressions.map((expression) => this.grammar.rule(expression)));
  }

  #flatten(schema: SchemaObject, path: string): SchemaObject;
  #flatten(schema: SchemaObject, path: string, needed: boolean): SchemaObject | undefined;
  #flatten(schema: SchemaObject, path: string, needed = true): SchemaObject | undefined {
    const { allOf: _allOf, ...rest } = schema;
    let merged: SchemaObject | undefined = rest;
    for (const part of list(schema, "allOf", path) ?? []) {
      this.#step(path);
      if (part === true) continue;
      if (!isObject(part)) throw new SchemaError(path, "allows nothing");
      const flat = this.#deeper(path, () => this.#flatten(this.#resolved(part, path), path, needed));
      if (flat !== undefined) this.#chargeMerge(merged, flat, path);
      merged = flat && mergeSchemas(merged, flat);
      if (merged === undefined) break;
    }
    if (merged === undefined && needed)
      throw new SchemaError(path, "asks for things that contradict each other");
    return merged;
  }

  /** Merging copies both, so many merges with something large take the product. */
  #chargeMerge(first: SchemaObject, second: SchemaObject, path: string): void {
    this.#merged += sizeOf(first) + sizeOf(second);
    if (this.#merged > mergedLimit) throw new SchemaError(path, "is too large to be enforced");
  }

  /** The schema with its `$ref` as part of an `allOf`. */
  #resolved(schema: SchemaObject, path: string): SchemaObject {
    const { $ref, ...rest } = schema;
    if ($ref === undefined) return schema;
    return { allOf: [rest, this.#find($ref, path)] };
  }

  #reference(schema: SchemaObject, path: string): string {
    const { $ref, ...rest } = schema;
    if (Object.keys(rest).some((keyword) => !annotations.has(keyword)))
      return this.#expression(this.#flatten(this.#resolved(schema, path), path), path);
    const key = String($ref);
    const known = this.#references.get(key);
    if (known !== undefined) {
      if (known.depth === this.#depth) throw new SchemaError(path, "refers to itself without end");
      return known.rule;
    }
    const target = this.#find($ref, path);
    const reference = { rule: this.grammar.reserve(), depth: this.#depth };
    this.#references.set(key, reference);
    this.grammar.define(reference.rule, this.#expression(target, key));
    reference.depth = -1;
    return reference.rule;
  }

  #deeper<T>(path: string, work: () => T): T {
    if (this.#depth >= depthLimit) throw new SchemaError(path, "is nested too deeply");
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  #step(path: string): void {
    if (++this.#steps > stepsLimit) throw new SchemaError(path, "is too large to be enforced");
  }

  #find(reference: unknown, path: string): unknown {
    if (typeof reference !== "string" || !(reference === "#" || reference.startsWith("#/")))
      throw new SchemaError(path, "refers to something outside of itself");
    let target: unknown = this.#root;
    for (const part of reference.split("/").slice(1)) {
      const name = decode(part).replaceAll("~1", "/").replaceAll("~0", "~");
      const next = Array.isArray(target) ? target[Number(name)] : isObject(target) ? target[name] : undefined;
      if (next === undefined) throw new SchemaError(path, "refers to something that is not there");
      target = next;
    }
    return target;
  }
}

/** In draft 4, `exclusiveMinimum: true` makes `minimum` itself exclusive. */
const draft4Bounds: Readonly<Record<string, string>> = {
  exclusiveMinimum: "minimum",
  exclusiveMaximum: "maximum",
};

function compilePattern(source: string, path: string): ReturnType<typeof linearPattern> {
  try {
    return linearPattern(source);
  } catch {
    throw new SchemaError(path, "has a pattern that cannot be enforced");
  }
}

/** How much there is to copy or compare: members, and those of members and values in lists. */
const sizeOf = (schema: SchemaObject): number =>
  Object.values(schema).reduce<number>((sum, value) => sum + 1 + membersIn(value), 0);

const membersIn = (value: unknown): number => {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + 1 + membersIn(item), 0);
  return isObject(value) ? Object.keys(value).length : 0;
};

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const depthLimit = 64;
/** Schemas visited; references inside `allOf` can multiply. */
const stepsLimit = 5_000;
/** Of compiling a pattern, beside its length. */
const patternCost = 256;
/** Costs of checking values (`Lookup`); references can multiply these, too. */
const checksLimit = 20_000;
/** Members merged with others, those of their parts included: about 20 ms. */
const mergedLimit = 25_000;
/** Beyond it, the stack would overflow. */
const nestedLimit = 512;
