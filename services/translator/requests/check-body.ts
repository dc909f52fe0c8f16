import type { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { isJsonObject } from "../../../core/json.ts";
import * as faults from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { isGiven } from "./vocabulary.ts";

/** How the operator wants requests to be read. */
export interface RequestRules {
  /** Whether images by URL are fetched; otherwise they are rejected. */
  readonly fetchImages: boolean;
  /** Whether unknown keys are rejected; otherwise they are ignored. */
  readonly strictKeys: boolean;
}

export const defaultRules: RequestRules = { fetchImages: false, strictKeys: false };

interface Checker<T> {
  safeParse(
    value: unknown,
    context?: z.core.ParseContext<Issue>,
  ): { data?: T | undefined; error?: z.ZodError | undefined };
}

/** Only the first fault is reported, and a hundred thousand of them would take a quarter of a second to collect. */
export const firstFaultOnly: z.core.ParseContextInternal<Issue> = { abortEarly: true };

/** Validates a body's types. Throws the first fault of the schema, in the dialect's words. */
export function checkBody<T>(schema: Checker<T>, raw: JsonObject, dialect?: Dialect): T {
  const { data, error } = schema.safeParse(raw, firstFaultOnly);
  if (error !== undefined) throw describeIssue(error.issues[0]!, raw, dialect);
  return data as T;
}

/** Throws unless the model and `alsoRequired` are given; OpenAI checks them before everything else. */
export function requireModel(raw: JsonObject, alsoRequired?: string): void {
  if (!isGiven(raw.model) || raw.model === "")
    throw new MeshError("invalid_request", "you must provide a model parameter");
  if (alsoRequired !== undefined && !isGiven(raw[alsoRequired])) throw faults.missing(alsoRequired);
}

/** Throws for stream options without a stream. */
export function refuseStreamOptions(body: Readonly<{ stream?: unknown; stream_options?: unknown }>): void {
  if (body.stream_options && body.stream !== true)
    throw faults.wrongMeaning(
      "stream_options",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    );
}

/** Throws for too many pairs; before the schema, which checks each. */
export function refuseMuchMetadata({ metadata }: JsonObject): void {
  const count = isJsonObject(metadata) ? Object.keys(metadata).length : 0;
  if (count > maxMetadata) throw faults.tooManyProperties("metadata", maxMetadata, count);
}

const maxMetadata = 16;

type Issue = z.core.$ZodIssue;
type TooSmall = Extract<Issue, { code: "too_small" }>;
type TooBig = Extract<Issue, { code: "too_big" }>;

/** How a surface words the issues of a schema. `at` is the path, as the surface writes it. */
export interface Dialect {
  toPath(path: readonly PropertyKey[]): string;
  missing(at: string): MeshError;
  /** `expected` is a noun phrase of `vocabulary.ts`. */
  wrongType(at: string, expected: string, value: unknown): MeshError;
  /** `isTag`: the words are the types of a union. */
  notOneOf(at: string, value: unknown, words: readonly string[], isTag: boolean): MeshError;
  tooSmall(at: string, issue: TooSmall, value: unknown): MeshError;
  tooBig(at: string, issue: TooBig, value: unknown): MeshError;
  unknownKey(at: string): MeshError;
}

/** Converts an issue of a schema to a fault, in OpenAI's words by default. */
export function describeIssue(issue: Issue, body: JsonObject, dialect: Dialect = openAi): MeshError {
  return describe(issue, issue.path);

  /** `path` starts at the body; paths of issues inside a union start at the union. */
  function describe(issue: Issue, path: readonly PropertyKey[]): MeshError {
    const at = dialect.toPath(path);
    if (issue.code === "unrecognized_keys")
      return dialect.unknownKey(dialect.toPath([...path, issue.keys[0]!]));
    const value = valueAt(body, path);
    if (value === undefined) return dialect.missing(at);
    switch (issue.code) {
      case "invalid_value":
        return dialect.notOneOf(at, value, issue.values.map(String), false);
      case "too_small":
        return dialect.tooSmall(at, issue, value);
      case "too_big":
        return dialect.tooBig(at, issue, value);
      case "invalid_key":
        return faults.stringTooLong(
          dialect.toPath(path.slice(0, -1)),
          longestKey(issue),
          String(path.at(-1)).length,
        );
      case "invalid_union":
        return describeUnion(issue, path, value);
      default:
        return dialect.wrongType(at, issue.message, value);
    }
  }

  /** Reports the issue of the branch that the value's type matches, if there is one. */
  function describeUnion(
    issue: Extract<Issue, { code: "invalid_union" }>,
    path: readonly PropertyKey[],
    value: unknown,
  ): MeshError {
    const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
    if (discriminator !== undefined && options !== undefined)
      return dialect.notOneOf(dialect.toPath(path), value, options.map(String), true);
    for (const [first] of issue.errors)
      if (first !== undefined && !refusesType(first, value)) return describe(first, [...path, ...first.path]);
    return dialect.wrongType(dialect.toPath(path), issue.message, value);
  }
}

const openAi: Dialect = {
  toPath: toParam,
  missing: faults.missing,
  wrongType: faults.wrongType,
  notOneOf: (at, value, words) =>
    typeof value === "string"
      ? faults.unknownValue(at, value, words)
      : faults.wrongType(at, `one of ${faults.list(words.map(faults.quote), "or")}`, value),
  tooSmall(at, { origin, message, inclusive, minimum }, value) {
    if (origin === "array") return faults.emptyArray(at);
    if (origin === "string") return faults.emptyString(at);
    return faults.belowMinimum(
      at,
      message as faults.NumberNoun,
      `>${inclusive ? "=" : ""} ${minimum}`,
      value,
    );
  },
  tooBig(at, { message, inclusive, maximum }, value) {
    if (Array.isArray(value)) return faults.arrayTooLong(at, Number(maximum), value.length);
    if (typeof value === "string") return faults.stringTooLong(at, Number(maximum), value.length);
    return faults.aboveMaximum(
      at,
      message as faults.NumberNoun,
      `<${inclusive ? "=" : ""} ${maximum}`,
      value,
    );
  },
  unknownKey: (at) => faults.unknownParameter(at, undefined),
};

/** A path as OpenAI writes it: `messages[0].content`. */
export function toParam(path: readonly PropertyKey[]): string {
  let param = "";
  for (const key of path) {
    if (typeof key === "number") param += `[${key}]`;
    else param += `${param === "" ? "" : "."}${String(key).slice(0, maxShownKeyLength)}`;
  }
  return param;
}

export const maxShownKeyLength = 64;

/** Whether a branch rejects the value's type itself. */
function refusesType(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_value") return typeof value !== "string";
  return issue.code === "invalid_type" || issue.code === "custom";
}

function longestKey(issue: Extract<Issue, { code: "invalid_key" }>): number {
  const [first] = issue.issues;
  return first?.code === "too_big" ? Number(first.maximum) : 0;
}

function valueAt(body: JsonObject, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  return value;
}
