import { isObject } from "../gbnf/index.ts";

/** A schema with its internal references moved, such as to `#/$defs/call0`. */
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

/** The same schema without `$ref: "#"`, which llama.cpp does not support: the root becomes a definition. */
export function withoutRootReferences(schema: unknown): unknown {
  if (!refersToRoot(schema)) return schema;
  return { $ref: "#/$defs/root", $defs: { root: moveReferences(schema, "#/$defs/root") } };
}

const refersToRoot = (schema: unknown): boolean =>
  Array.isArray(schema)
    ? schema.some(refersToRoot)
    : isObject(schema) && (schema.$ref === "#" || Object.values(schema).some(refersToRoot));
