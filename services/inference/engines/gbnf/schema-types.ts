import type { SchemaObject } from "./compilation.ts";
import { isObject } from "./read-keyword.ts";

/** The types that a schema allows, said or implied; undefined for all. */
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

/** Whether a value is of a type of JSON schema; whole numbers are numbers, too. */
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
