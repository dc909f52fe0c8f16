import { z } from "zod";
import { nearest } from "../../../core/config/suggest.ts";
import { isJsonObject } from "../../../core/json.ts";
import { unknownParameter } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { toParam } from "./describe-issue.ts";

/** A key that a schema does not know. */
export interface UnknownKey {
  /** Where it is, itself included. */
  readonly path: readonly PropertyKey[];
  /** The key that it is likely meant to be. */
  readonly suggestion: string | undefined;
}

/**
 * The first key that means nothing to a schema: of an object's own keys first, then of what they hold, in the order of
 * the body. Values of another form than the schema's are passed over, for the schema itself to refuse. `alsoKnown` are
 * keys of the body itself that the schema leaves to others. Objects that may have any keys may have these, too.
 */
export function findUnknownKey(
  schema: z.ZodType,
  body: JsonObject,
  alsoKnown: readonly string[] = [],
): UnknownKey | undefined {
  return search(schema, body, [], alsoKnown);
}

/** Throws for the first key that means nothing here, as OpenAI does. `at` is where `body` is. */
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

/**
 * What clients put into messages that they send back: what answers here and elsewhere have, what SDKs have made of
 * it, and what it means to other services to keep a prompt.
 */
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

/** No known key is longer; to compare a longer one with them would take long. */
const longestName = 64;

/** The part of a schema that a value is meant for; undefined when there is none with keys of its own. */
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
  // Any object at all: its keys are not checked here.
  return schema instanceof z.ZodCustom && isJsonObject(value) ? schema : undefined;
}

/** Whether all that the schema fixes about an object, such as its `type`, is so; what is left out may be. */
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
