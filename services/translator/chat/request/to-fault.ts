import type { z } from "zod";
import type { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  aboveMaximum,
  arrayTooLong,
  belowMinimum,
  emptyArray,
  emptyString,
  list,
  missing,
  type NumberNoun,
  quote,
  stringTooLong,
  unknownValue,
  wrongType,
} from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";

type Issue = z.core.$ZodIssue;

/** What a schema found, as OpenAI says it. The schema's messages are the noun phrases of `vocabulary.ts`. */
export function toFault(issue: Issue, body: JsonObject): MeshError {
  return describe(issue, issue.path, body);
}

/** `path` is from the body; an issue inside a union knows only its path from there. */
function describe(issue: Issue, path: readonly PropertyKey[], body: JsonObject): MeshError {
  const param = toParam(path);
  const value = valueAt(body, path);
  if (value === undefined) return missing(param);
  switch (issue.code) {
    case "invalid_value": {
      const words = issue.values.map(String);
      return typeof value === "string"
        ? unknownValue(param, value, words)
        : wrongType(param, `one of ${list(words.map(quote), "or")}`, value);
    }
    case "too_small":
      if (issue.origin === "array") return emptyArray(param);
      if (issue.origin === "string") return emptyString(param);
      return belowMinimum(
        param,
        issue.message as NumberNoun,
        bound(">", issue.inclusive, issue.minimum),
        value,
      );
    case "too_big":
      if (Array.isArray(value)) return arrayTooLong(param, Number(issue.maximum), value.length);
      if (typeof value === "string") return stringTooLong(param, Number(issue.maximum), value.length);
      return aboveMaximum(
        param,
        issue.message as NumberNoun,
        bound("<", issue.inclusive, issue.maximum),
        value,
      );
    case "invalid_union":
      return describeUnion(issue, path, body);
    case "invalid_key":
      return stringTooLong(toParam(path.slice(0, -1)), longestKey(issue), String(path.at(-1)).length);
    default:
      return wrongType(param, issue.message, value);
  }
}

/** A union fails for the reason of the branch that the value was meant for, if its type tells which that is. */
function describeUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: readonly PropertyKey[],
  body: JsonObject,
): MeshError {
  const value = valueAt(body, path);
  const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
  if (discriminator !== undefined && options !== undefined) {
    const words = options.map(String);
    return typeof value === "string"
      ? unknownValue(toParam(path), value, words)
      : wrongType(toParam(path), `one of ${list(words.map(quote), "or")}`, value);
  }
  for (const [first] of issue.errors)
    if (first !== undefined && !refusesType(first, value))
      return describe(first, [...path, ...first.path], body);
  return wrongType(toParam(path), issue.message, value);
}

/** Whether a branch of a union fails because the value is not even of its type. */
function refusesType(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_value") return typeof value !== "string";
  return issue.code === "invalid_type" || issue.code === "custom";
}

const bound = (sign: ">" | "<", inclusive: boolean | undefined, limit: number | bigint): string =>
  `${sign}${inclusive ? "=" : ""} ${limit}`;

function longestKey(issue: Extract<Issue, { code: "invalid_key" }>): number {
  const [first] = issue.issues;
  return first?.code === "too_big" ? Number(first.maximum) : 0;
}

/** A path as OpenAI writes it: `messages[0].content`. */
export function toParam(path: readonly PropertyKey[]): string {
  let param = "";
  for (const key of path) {
    if (typeof key === "number") param += `[${key}]`;
    else param += `${param === "" ? "" : "."}${String(key).slice(0, longestShownKey)}`;
  }
  return param;
}

/** Of a key that the caller made up. */
const longestShownKey = 64;

function valueAt(body: JsonObject, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  return value;
}
