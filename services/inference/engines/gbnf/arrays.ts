import { type Compilation, count, list, SchemaError, type SchemaObject } from "./schema.ts";

/** An expression for arrays: first the items with schemas of their own, then the rest. */
export function arrayExpression(compilation: Compilation, schema: SchemaObject, path: string): string {
  compilation.unenforced(schema, path, ["uniqueItems", "contains", "unevaluatedItems"]);
  const { grammar } = compilation;
  const { fixed, rest } = itemSchemas(schema, path);
  const min = count(schema, "minItems", path) ?? 0;
  const max = count(schema, "maxItems", path);
  if (max !== undefined && max < min) throw new SchemaError(path, "has a maxItems below its minItems");
  if (rest === false && min > fixed.length)
    throw new SchemaError(path, "asks for more items than it describes");
  const ws = grammar.json("ws");
  const heads = fixed
    .slice(0, max)
    .map((item, index) => grammar.rule(compilation.compile(item, `${path}/prefixItems/${index}`)));
  const body = heads.join(` "," ${ws} `);
  const room = max === undefined ? undefined : max - heads.length;
  if (rest === false || room === 0) return `"[" ${ws} ${body} ${ws} "]"`;

  const item = grammar.rule(compilation.compile(rest, `${path}/items`));
  const next = grammar.rule(`"," ${ws} ${item}`);
  const needed = Math.max(0, min - heads.length);
  if (heads.length > 0) return `"[" ${ws} ${body} ${grammar.repeat(next, needed, room)} ${ws} "]"`;
  const more = grammar.repeat(next, Math.max(0, needed - 1), room === undefined ? undefined : room - 1);
  const some = room === 1 ? item : `${item} ${more}`;
  return `"[" ${ws} ${needed > 0 ? some : `(${some})?`} ${ws} "]"`;
}

/** 2020-12 has `prefixItems` and `items`; older drafts have a list of `items` and `additionalItems`. */
function itemSchemas(schema: SchemaObject, path: string): { fixed: readonly unknown[]; rest: unknown } {
  if (Array.isArray(schema.items)) return { fixed: schema.items, rest: schema.additionalItems ?? true };
  return { fixed: list(schema, "prefixItems", path) ?? [], rest: schema.items ?? true };
}
