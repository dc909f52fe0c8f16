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

/** A keyword's value as a whole number of at least 0; undefined when absent. */
export function count(schema: SchemaObject, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new SchemaError(path, `has a ${keyword} that is no whole number of at least 0`);
}

/** A keyword's value as a number; undefined when absent. */
export function number(schema: SchemaObject, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  // Draft 4 has `exclusiveMinimum: false`.
  if (value === undefined || value === false) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new SchemaError(path, `has a ${keyword} that is no number`);
}

/** A keyword's value as a list; undefined when absent. */
export function list(schema: SchemaObject, keyword: string, path: string): readonly unknown[] | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value;
  throw new SchemaError(path, `has a keyword \`${keyword}\` that is no list`);
}

/** A keyword's value as a map of schemas; undefined when absent. */
export function map(schema: SchemaObject, keyword: string, path: string): SchemaObject | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw new SchemaError(path, `has a keyword \`${keyword}\` that is no object`);
}

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is SchemaObject => isJsonObject(value);

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
