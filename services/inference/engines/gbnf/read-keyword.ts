import type { SchemaObject } from "./compilation.ts";
import { SchemaError } from "./schema-error.ts";

/** The value of a keyword that counts something: a whole number of at least 0, or undefined. */
export function count(schema: SchemaObject, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new SchemaError(path, `has a ${keyword} that is no whole number of at least 0`);
}

/** The value of a keyword that is a number, or undefined. */
export function number(schema: SchemaObject, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  // `exclusiveMinimum: false` of the fourth draft.
  if (value === undefined || value === false) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new SchemaError(path, `has a ${keyword} that is no number`);
}

/** The value of a keyword that is a list, or undefined. */
export function list(schema: SchemaObject, keyword: string, path: string): readonly unknown[] | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value;
  throw new SchemaError(path, `has a keyword \`${keyword}\` that is no list`);
}

/** The value of a keyword that maps names to schemas, or undefined. */
export function map(schema: SchemaObject, keyword: string, path: string): SchemaObject | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw new SchemaError(path, `has a keyword \`${keyword}\` that is no object`);
}

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
