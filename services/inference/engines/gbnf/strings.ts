import { patternExpression } from "./pattern.ts";
import { type Compilation, count, SchemaError, type SchemaObject } from "./schema.ts";

/** An expression for strings: a pattern, else a known format, else a length. */
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
  if (typeof pattern !== "string") throw new SchemaError(path, "has a pattern that is not a string");
  try {
    return patternExpression(compilation.grammar, pattern);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SchemaError(path, `has a pattern that ${error.message}, which cannot be enforced`);
  }
}

/** The formats that are enforced, slightly narrower than their standards. Others are annotations. */
const formatPatterns: Readonly<Record<string, string>> = {
  date: "^[12]\\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])$",
  time: "^([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-4]):[0-5]\\d)$",
  "date-time":
    "^[12]\\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-4]):[0-5]\\d)$",
  duration: "^P(\\d{1,4}D(T\\d{1,4}H)?|T\\d{1,4}H|T\\d{1,4}M|T\\d{1,5}S|\\d{1,4}W|\\d{1,4}M|\\d{1,4}Y)$",
  uuid: "^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
  email:
    "^[A-Za-z0-9]{1,32}([._+-][A-Za-z0-9]{1,16}){0,3}@[a-z0-9]{1,32}(-[a-z0-9]{1,16})?(\\.[a-z]{2,12}){1,2}$",
  hostname: "^[a-z0-9]{1,32}(-[a-z0-9]{1,16}){0,2}(\\.[a-z0-9]{1,32}){0,3}$",
  ipv4: "^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)$",
  ipv6: "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$",
  uri: "^https?://[a-z0-9]{1,32}(-[a-z0-9]{1,16})?(\\.[a-z]{2,16}){1,3}(/[A-Za-z0-9._~-]{1,64}){0,8}/?$",
};
