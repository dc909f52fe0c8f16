import { Ajv2020 } from "ajv/dist/2020.js";
import { parseJson } from "../../../../core/json.ts";
import { isObject, jsonSchemaGrammar, SchemaError } from "../gbnf/index.ts";
import { linearPattern } from "../text/linear-pattern.ts";

/** A schema that answers are to match. */
export interface HeldSchema {
  /** Whether a finished text is what was asked for: JSON, and where it is meant strictly JSON that matches. */
  matches(text: string): boolean;
}

/**
 * Upstreams hold an answer to most of a schema and pass over the rest without a word, so a schema that is meant
 * strictly is checked twice: before, that nothing in it is beyond us, and at the end, that the answer matches. Throws
 * `SchemaError`.
 */
export function holdTo(schema: unknown, strict: boolean): HeldSchema {
  jsonSchemaGrammar(schema, { strict });
  return strict ? { matches: toMatcher(schema) } : { matches: (text) => parseJson(text) !== undefined };
}

/**
 * Whether JSON texts match a schema, by all keywords of the drafts 4 to 2020-12; formats bind nothing. Throws
 * `SchemaError` for what is no schema, refers to what is not in it or in circles, or has a pattern that RE2 does not take.
 *
 * Schemas come from strangers: each is compiled on its own and not kept, references to elsewhere are not loaded, and
 * patterns run in an engine that does not backtrack.
 */
export function toMatcher(schema: unknown): (text: string) => boolean {
  try {
    const validate = new Ajv2020(options).compile(toCurrentDraft(schema) as object);
    return (text) => {
      try {
        return validate(JSON.parse(text)) === true;
      } catch {
        // No JSON, or nested too deeply.
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

/**
 * A schema of an older draft as 2020-12 says it: `items` as a list, and `exclusiveMinimum: true`, which changes what
 * `minimum` means. Without the keywords that are the validator's own.
 */
function toCurrentDraft(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const { $async, nullable, additionalItems, ...kept } = schema;
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

/** Keywords that hold values, not schemas. */
const values = new Set(["const", "default", "enum", "examples", "required", "type", "dependentRequired"]);
/** Keywords that hold schemas by names of the schema's own. */
const maps = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
]);
