/** Levels that subschemas may nest; each takes two levels of JSON (`properties`, then the name). */
export const schemaDepthLimit = 16;
/** The longest JSON text of a schema, in UTF-16 units. */
export const schemaLengthLimit = 64 * 1024;

/** A JSON schema for an engine. */
export interface CheckedSchema {
  readonly json: string;
  /** Completes "Invalid schema for …: "; undefined when there is no problem. */
  readonly problem: string | undefined;
}

/**
 * Checks a schema before any engine compiles it: its size, its depth and external references. Whether it is supported
 * is up to the engine. Text keeps the order of its keys.
 */
export function checkSchema(schema: Readonly<Record<string, unknown>>): CheckedSchema {
  const json = JSON.stringify(schema);
  return { json, problem: findProblem(schema, json) };
}

function findProblem(schema: Readonly<Record<string, unknown>>, json: string): string | undefined {
  if (json.length > schemaLengthLimit)
    return `it is ${json.length} characters long; at most ${schemaLengthLimit} are accepted.`;
  const type = schema.type;
  if (type !== undefined && typeof type !== "string" && !Array.isArray(type))
    return "'type' must be a string or an array of strings.";
  return findInside(schema, 0);
}

function findInside(value: unknown, depth: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > 2 * schemaDepthLimit) return `it nests more than ${schemaDepthLimit} levels deep.`;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref" && typeof inner === "string" && !inner.startsWith("#"))
      return "'$ref' may only point into the schema itself, such as '#/$defs/item'.";
    const problem = findInside(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
