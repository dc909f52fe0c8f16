import { isJsonObject } from "../../../../core/json.ts";
import type { GrammarBuilder } from "./grammar-builder.ts";

/** A schema other than true and false. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** The state of one compilation. */
export interface Compilation {
  readonly grammar: GrammarBuilder;
  /** An expression for the JSON text of the values that a schema allows, as a single item. */
  compile(schema: unknown, path: string): string;
  /** Throws in strict mode when the schema has one of these keywords, which a grammar cannot enforce. */
  unenforced(schema: SchemaObject, path: string, keywords: readonly string[]): void;
}

/** A JSON schema that cannot be compiled. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  /** JSON pointer into the schema; empty for its root. */
  readonly path: string;

  /** `reason` completes the sentence "the schema at … ". */
  constructor(path: string, reason: string) {
    super(`${path === "" ? "the schema" : `the schema at ${path}`} ${reason}`);
    this.path = path;
  }
}

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is SchemaObject => isJsonObject(value);

/** Reads a keyword's value; undefined when absent. `fault` completes the sentence "the schema …". */
const reader =
  <T>(accepts: (value: unknown) => value is T, fault: (keyword: string) => string) =>
  (schema: SchemaObject, keyword: string, path: string): T | undefined => {
    const value = schema[keyword];
    if (value === undefined || accepts(value)) return value;
    throw new SchemaError(path, fault(keyword));
  };

/** A keyword's value as a whole number of at least 0; undefined when absent. */
export const count = reader(
  (value): value is number => Number.isInteger(value) && Number(value) >= 0,
  (keyword) => `has a ${keyword} that is no whole number of at least 0`,
);

const finite = reader(
  (value): value is number => Number.isFinite(value),
  (keyword) => `has a ${keyword} that is no number`,
);

/** A keyword's value as a number; undefined when absent, or when false, as draft 4 has `exclusiveMinimum`. */
export const number = (schema: SchemaObject, keyword: string, path: string): number | undefined =>
  schema[keyword] === false ? undefined : finite(schema, keyword, path);

/** A keyword's value as a list; undefined when absent. */
export const list = reader(
  (value): value is readonly unknown[] => Array.isArray(value),
  (keyword) => `has a keyword \`${keyword}\` that is no list`,
);

/** A keyword's value as a map of schemas; undefined when absent. */
export const map = reader(isObject, (keyword) => `has a keyword \`${keyword}\` that is no object`);

/** The types that a schema allows, stated or implied; undefined for all. */
export function typesOf(schema: SchemaObject): unknown[] | undefined {
  const said = schema.type ?? impliedType(schema);
  if (said === undefined) return undefined;
  const types = Array.isArray(said) ? said : [said];
  return schema.nullable === true && !types.includes("null") ? [...types, "null"] : types;
}

function impliedType(schema: SchemaObject): string | undefined {
  return Object.entries(keywordsOfTypes).find(([, keywords]) =>
    keywords.some((keyword) => schema[keyword] !== undefined),
  )?.[0];
}

const keywordsOfTypes: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "additionalProperties", "required", "patternProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["pattern", "minLength", "maxLength", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
};

/** Whether a value is of a JSON Schema type; integers are numbers, too. */
export function isOfType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
