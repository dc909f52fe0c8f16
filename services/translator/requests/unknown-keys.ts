import { z } from "zod";
import { nearest } from "../../../core/config/suggest.ts";
import { isJsonObject } from "../../../core/json.ts";
import { unknownParameter } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { toParam } from "./check-body.ts";

/** A key that a schema does not define. */
interface UnknownKey {
  /** Includes the key itself. */
  readonly path: readonly PropertyKey[];
  readonly suggestion: string | undefined;
}

/**
 * The first key that a schema does not know: an object's own keys first, then those inside its values, in the body's
 * order. Values of the wrong type are skipped, for the schema itself to reject. `alsoKnown` are keys of the body that
 * others handle.
 */
export const findUnknownKey = (
  schema: z.ZodType,
  body: JsonObject,
  alsoKnown: readonly string[] = [],
): UnknownKey | undefined => search(schema, body, [], alsoKnown);

/** Throws for the first unknown key, as OpenAI does. `at` is the path of `body`. */
export function refuseUnknownKeys(
  schema: z.ZodType,
  body: JsonObject,
  alsoKnown: readonly string[] = [],
  at: readonly PropertyKey[] = [],
): void {
  const found = findUnknownKey(schema, body, alsoKnown);
  if (found === undefined) return;
  const { path, suggestion } = found;
  const parent = [...at, ...path.slice(0, -1)];
  throw unknownParameter(
    toParam([...at, ...path]),
    suggestion === undefined ? undefined : toParam([...parent, suggestion]),
  );
}

/** Keys in messages that clients send back: from answers, added by SDKs, or cache hints of other services. */
const knownInside = ["annotations", "parsed", "parsed_arguments", "parsed_output", "cache_control"];

function search(
  schema: z.core.$ZodType,
  value: unknown,
  path: readonly PropertyKey[],
  alsoKnown: readonly string[],
): UnknownKey | undefined {
  const meant = choose(schema, value);
  if (meant instanceof z.ZodArray) {
    for (const [index, element] of (value as unknown[]).entries()) {
      const found = search(meant.element, element, [...path, index], knownInside);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!(meant instanceof z.ZodObject)) return undefined;
  const shape: z.core.$ZodShape = meant.shape;
  const entries = Object.entries(value as JsonObject);
  for (const [key] of entries)
    if (!Object.hasOwn(shape, key) && !alsoKnown.includes(key))
      return { path: [...path, key], suggestion: nearest(key.slice(0, longestName), Object.keys(shape)) };
  for (const [key, inner] of entries) {
    const found = Object.hasOwn(shape, key) && search(shape[key]!, inner, [...path, key], knownInside);
    if (found) return found;
  }
  return undefined;
}

/** No known key is longer; comparing longer ones is slow. */
const longestName = 64;

/** The branch of a schema that matches the value; undefined when it has no keys of its own. */
function choose(schema: z.core.$ZodType, value: unknown): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return choose(schema.unwrap(), value);
  if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) {
      const found = choose(option, value);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (schema instanceof z.ZodArray) return Array.isArray(value) ? schema : undefined;
  if (schema instanceof z.ZodObject)
    return isJsonObject(value) && hasLiterals(schema, value) ? schema : undefined;
  return schema instanceof z.ZodCustom && isJsonObject(value) ? schema : undefined;
}

/** Whether the value's literals, such as `type`, match the schema; they may be absent. */
function hasLiterals({ shape }: z.ZodObject, value: JsonObject): boolean {
  return Object.entries(shape).every(([key, inner]) => {
    const fixed = unwrap(inner);
    const given = value[key];
    return (
      !(fixed instanceof z.ZodLiteral) ||
      given === undefined ||
      given === null ||
      fixed.values.has(given as string)
    );
  });
}

const unwrap = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ? unwrap(schema.unwrap()) : schema;
