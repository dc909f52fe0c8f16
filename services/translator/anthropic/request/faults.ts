import type { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { list, quote } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";

type Issue = z.core.$ZodIssue;

/** What is wrong with a parameter, in Anthropic's form: its path with dots, a colon, a sentence. */
export const fault = (path: string, message: string): MeshError =>
  new MeshError("invalid_request", `${path}: ${message}`, { param: path });

/** What a schema found. The schema's messages are the noun phrases of `vocabulary.ts`. */
export function toFault(issue: Issue, body: JsonObject): MeshError {
  return describe(issue, issue.path, body);
}

/** `path` is from the body; an issue inside a union knows only its path from there. */
function describe(issue: Issue, path: readonly PropertyKey[], body: JsonObject): MeshError {
  const at = toPath(path);
  if (issue.code === "unrecognized_keys")
    return fault(toPath([...path, issue.keys[0] ?? ""]), "Extra inputs are not permitted");
  const value = valueAt(body, path);
  if (value === undefined) return fault(at, "Field required");
  switch (issue.code) {
    case "invalid_value":
      return fault(
        at,
        `Input should be ${list(
          issue.values.map((word) => quote(String(word))),
          "or",
        )}`,
      );
    case "too_small":
      return fault(at, tooSmall(issue.origin, Number(issue.minimum)));
    case "too_big":
      return fault(at, tooBig(issue.origin, Number(issue.maximum)));
    case "invalid_union":
      return describeUnion(issue, path, body);
    default:
      return fault(at, `Input should be ${issue.message.replace(/^an? /, "a valid ")}`);
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
    const expected = list(
      options.map((option) => quote(String(option))),
      "or",
    );
    return fault(
      toPath(path),
      typeof value === "string"
        ? `Input tag '${value.slice(0, 100)}' is not supported here. Expected ${expected}`
        : `Input should be ${expected}`,
    );
  }
  const meant = issue.errors.find(([first]) => first !== undefined && !refusesType(first));
  const first = meant?.[0];
  if (first !== undefined) return describe(first, [...path, ...first.path], body);
  return fault(toPath(path), `Input should be ${issue.message}`);
}

/** Whether a branch of a union fails because the value is not even of its type. */
const refusesType = ({ path, code }: Issue): boolean =>
  path.length === 0 && (code === "invalid_type" || code === "custom");

function tooSmall(origin: string, minimum: number): string {
  if (origin === "array") return `List should have at least ${count(minimum, "item")}`;
  if (origin === "string") return `String should have at least ${count(minimum, "character")}`;
  return `Input should be greater than or equal to ${minimum}`;
}

function tooBig(origin: string, maximum: number): string {
  if (origin === "array") return `List should have at most ${count(maximum, "item")}`;
  if (origin === "string") return `String should have at most ${count(maximum, "character")}`;
  return `Input should be less than or equal to ${maximum}`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** A path as Anthropic writes it: `messages.0.content`. */
export const toPath = (path: readonly PropertyKey[]): string =>
  path.map((key) => String(key).slice(0, longestShownKey)).join(".");

/** Of a key that the caller made up. */
const longestShownKey = 64;

function valueAt(body: JsonObject, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  return value;
}
