import type { Compilation, SchemaObject } from "./compilation.ts";
import { formatPatterns } from "./formats.ts";
import { patternExpression } from "./pattern.ts";
import { count } from "./read-keyword.ts";
import { SchemaError } from "./schema-error.ts";

/** An expression for strings: a pattern, a known format, or a length; the first of them that is there. */
export function stringExpression(compilation: Compilation, schema: SchemaObject, path: string): string {
  const { grammar } = compilation;
  const pattern = schema.pattern ?? formatPatterns[String(schema.format)];
  if (pattern !== undefined) {
    compilation.unenforced(schema, path, ["minLength", "maxLength"]);
    return `"\\"" ${matching(compilation, pattern, path)} "\\""`;
  }
  const min = count(schema, "minLength", path) ?? 0;
  const max = count(schema, "maxLength", path);
  if (max !== undefined && max < min) throw new SchemaError(path, "has a maxLength below its minLength");
  if (min === 0 && max === undefined) return grammar.json("string");
  return `"\\"" ${max === 0 ? "" : grammar.repeat(grammar.json("char"), min, max)} "\\""`;
}

function matching(compilation: Compilation, pattern: unknown, path: string): string {
  if (typeof pattern !== "string") throw new SchemaError(path, "has a pattern that is no text");
  try {
    return patternExpression(compilation.grammar, pattern);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SchemaError(path, `has a pattern that ${error.message}, which cannot be enforced`);
  }
}
