import { Ajv2020 } from "ajv/dist/2020.js";
import { parseJson } from "../../../../core/json.ts";
import { isObject, jsonSchemaGrammar, SchemaError } from "../gbnf/index.ts";
import { linearPattern } from "../text/linear-pattern.ts";

/** Whether a finished text has the required form. */
export type Matches = (text: string) => boolean;

/**
 * The check of answers held to a schema, of which upstreams silently skip parts: a strict one must be
 * supported here and matched, of others the text must be JSON. Throws `SchemaError`.
 */
export function holdTo(schema: unknown, strict: boolean): Matches {
  jsonSchemaGrammar(schema, { strict });
  return strict ? toMatcher(schema) : (text) => parseJson(text) !== undefined;
}

/**
 * Whether texts match a schema (drafts 4 to 2020-12, formats ignored). Throws `SchemaError` for invalid
 * schemas, unresolvable or circular references, and patterns that RE2 refuses. Schemas come from strangers:
 * none is kept, external references are not loaded, patterns do not backtrack, and a text that would take long
 * to check does not match.
 */
export function toMatcher(schema: unknown): Matches {
  try {
    // Alternatives within alternatives are tried again and again: a few hundred bytes can take hours.
    let visitsLeft = 0;
    const visit = () => {
      if (--visitsLeft < 0) throw new Error("takes too long to check");
    };
    const validate = new Ajv2020({ ...options, $comment: visit }).compile(toCurrentDraft(schema) as object);
    return (text) => {
      visitsLeft = visitsLimit + text.length;
      try {
        return validate(JSON.parse(text)) === true;
      } catch {
        return false;
      }
    };
  } catch (error) {
    throw new SchemaError("", `cannot be checked: ${(error as Error).message}`);
  }
}

const options = {
  meta: false,
  validateSchema: false,
  strict: false,
  validateFormats: false,
  ownProperties: true,
  multipleOfPrecision: 9,
  logger: false,
  code: { regExp: Object.assign(linearPattern, { code: "linearPattern" }) },
} as const;

/** Schemas that one text may be checked against, beside one for each of its characters: about 100 ms. */
const visitsLimit = 1_000_000;

/** Converts older drafts to 2020-12, without the validator's own keywords, and marks each schema for `visit`. */
function toCurrentDraft(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const { $async, nullable, additionalItems, ...others } = schema;
  const kept = others.$ref === undefined ? { ...others, $comment: "visited" } : others;
  const current: Record<string, unknown> = kept;
  if (Array.isArray(schema.items))
    Object.assign(current, { prefixItems: schema.items, items: additionalItems ?? true });
  for (const [bound, exclusive] of bounds)
    if (typeof current[exclusive] === "boolean") {
      if (current[exclusive]) current[exclusive] = current[bound];
      else delete current[exclusive];
    }
  return Object.fromEntries(
    Object.entries(current).map(([keyword, value]) => [keyword, inKeyword(keyword, value)]),
  );
}

const bounds = [
  ["minimum", "exclusiveMinimum"],
  ["maximum", "exclusiveMaximum"],
] as const;

function inKeyword(keyword: string, value: unknown): unknown {
  if (values.has(keyword)) return value;
  if (Array.isArray(value)) return value.map(toCurrentDraft);
  if (!maps.has(keyword) || !isObject(value)) return toCurrentDraft(value);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, toCurrentDraft(schema)]));
}

const values = new Set(["const", "default", "enum", "examples", "required", "type", "dependentRequired"]);
const maps = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
]);
