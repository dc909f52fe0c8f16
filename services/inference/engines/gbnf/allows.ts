import { isObject, isOfType, type SchemaObject, typesOf } from "./schema.ts";

/** Resolves what a schema names. */
export interface Lookup {
  /** The schema that `$ref` names; throws where there is none. */
  schema(reference: unknown): unknown;
  /** Called before each check, with its cost: comparisons, or characters by eight. Throws when these are too many. */
  check(cost: number): void;
  /** The pattern, compiled; throws where it cannot run in linear time. */
  pattern(source: string): { test(text: string): boolean };
}

/** Whether a schema allows a value of its `enum` or `const`. Ignores formats; circular references allow nothing. */
export function allows(schema: unknown, value: unknown, lookup: Lookup, depth = 0): boolean {
  lookup.check(1 + (isObject(schema) && Array.isArray(schema.enum) ? schema.enum.length : 0));
  if (typeof schema === "boolean") return schema;
  if (!isObject(schema) || depth > depthLimit) return false;
  const holds = (inner: unknown, of: unknown = value) => allows(inner, of, lookup, depth + 1);
  const types = schema.type === undefined ? undefined : typesOf(schema);
  if (types !== undefined && !types.some((type) => isOfType(value, type))) return false;
  if (schema.$ref !== undefined && !holds(lookup.schema(schema.$ref))) return false;
  if (schema.const !== undefined && !isSame(schema.const, value)) return false;
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => isSame(one, value))) return false;
  if (Array.isArray(schema.allOf) && !schema.allOf.every((one) => holds(one))) return false;
  if (Array.isArray(schema.anyOf) && !schema.anyOf.some((one) => holds(one))) return false;
  if (Array.isArray(schema.oneOf) && schema.oneOf.filter((one) => holds(one)).length !== 1) return false;
  if (typeof value === "string") return allowsText(schema, value, lookup);
  if (typeof value === "number") return allowsNumber(schema, value);
  if (Array.isArray(value)) return allowsItems(schema, value, holds);
  return !isObject(value) || allowsMembers(schema, value, holds);
}

type Holds = (schema: unknown, value: unknown) => boolean;

function allowsText({ minLength, maxLength, pattern }: SchemaObject, text: string, lookup: Lookup): boolean {
  lookup.check(text.length >> 3);
  const length = [...text].length;
  return (
    !(Number(minLength) > length || Number(maxLength) < length) &&
    (typeof pattern !== "string" || lookup.pattern(pattern).test(text))
  );
}

function allowsNumber(schema: SchemaObject, value: number): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  // In draft 4, `exclusiveMinimum: true` makes `minimum` itself exclusive.
  const above = exclusiveMinimum === true ? minimum : exclusiveMinimum;
  const below = exclusiveMaximum === true ? maximum : exclusiveMaximum;
  if (typeof minimum === "number" && value < minimum) return false;
  if (typeof maximum === "number" && value > maximum) return false;
  if (typeof above === "number" && value <= above) return false;
  if (typeof below === "number" && value >= below) return false;
  return typeof multipleOf !== "number" || Number.isInteger(value / multipleOf);
}

function allowsItems(schema: SchemaObject, items: readonly unknown[], holds: Holds): boolean {
  if (Number(schema.minItems) > items.length || Number(schema.maxItems) < items.length) return false;
  const isOlder = Array.isArray(schema.items);
  const fixed = (isOlder ? schema.items : (schema.prefixItems ?? [])) as readonly unknown[];
  const rest = (isOlder ? schema.additionalItems : schema.items) ?? true;
  return items.every((item, index) => holds(index < fixed.length ? fixed[index] : rest, item));
}

function allowsMembers(schema: SchemaObject, value: SchemaObject, holds: Holds): boolean {
  const { required, properties, additionalProperties: additional = true } = schema;
  if (Array.isArray(required) && !required.every((name) => Object.hasOwn(value, String(name)))) return false;
  const described = isObject(properties) ? properties : {};
  return Object.entries(value).every(([name, member]) =>
    holds(Object.hasOwn(described, name) ? described[name] : additional, member),
  );
}

/** Equal as JSON, whatever the order of keys. */
function isSame(first: unknown, second: unknown): boolean {
  if (Array.isArray(first) && Array.isArray(second))
    return first.length === second.length && first.every((item, index) => isSame(item, second[index]));
  if (!isObject(first) || !isObject(second)) return first === second;
  const names = Object.keys(first);
  return (
    names.length === Object.keys(second).length &&
    names.every((name) => Object.hasOwn(second, name) && isSame(first[name], second[name]))
  );
}

/** Values nest less deeply than this; only circular references reach it. */
const depthLimit = 128;
