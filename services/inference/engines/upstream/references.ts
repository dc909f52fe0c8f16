import { isObject } from "../gbnf/index.ts";

/** A schema with its references to itself pointing to its new place, such as `#/$defs/call0`. */
export function moveReferences(schema: unknown, to: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => moveReferences(item, to));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string" && value.startsWith("#")
        ? to + value.slice(1)
        : moveReferences(value, to),
    ]),
  );
}

/**
 * The same schema without `$ref: "#"`, which llama.cpp does not follow ("unsupported $ref #"): one that refers to itself
 * as a whole becomes a definition inside of another.
 */
export function withoutRootReferences(schema: unknown): unknown {
  if (!refersToRoot(schema)) return schema;
  return { $ref: "#/$defs/root", $defs: { root: moveReferences(schema, "#/$defs/root") } };
}

const refersToRoot = (schema: unknown): boolean =>
  Array.isArray(schema)
    ? schema.some(refersToRoot)
    : isObject(schema) && (schema.$ref === "#" || Object.values(schema).some(refersToRoot));
