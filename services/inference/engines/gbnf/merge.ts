import { isObject, type SchemaObject } from "./schema.ts";

/** A schema that allows what both allow, as far as keywords can express it; undefined when they contradict. */
export function mergeSchemas(first: SchemaObject, second: SchemaObject): SchemaObject | undefined {
  const merged: Record<string, unknown> = { ...first };
  for (const [keyword, value] of Object.entries(second)) {
    const other = merged[keyword];
    const combined = other === undefined ? value : combine(keyword, other, value);
    if (combined === undefined) return undefined;
    merged[keyword] = combined;
  }
  if (isObject(merged.properties)) merged.properties = withAdditional(merged.properties, first, second);
  if (Array.isArray(merged.prefixItems) && !(first.prefixItems && second.prefixItems)) {
    // A schema without `prefixItems` applies its `items` to these, too.
    const { items } = first.prefixItems === undefined ? first : second;
    if (items === false) return { ...merged, prefixItems: undefined, maxItems: 0 };
    if (items !== undefined)
      merged.prefixItems = merged.prefixItems.map((item) => ({ allOf: [item, items] }));
  }
  return merged;
}

/** A property that only one schema describes is an additional one to the other. */
function withAdditional(properties: SchemaObject, ...schemas: readonly SchemaObject[]): SchemaObject {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => {
      const others = schemas
        .filter(({ properties }) => !(isObject(properties) && Object.hasOwn(properties, name)))
        .map(({ additionalProperties }) => additionalProperties)
        .filter((additional) => additional !== undefined && additional !== true);
      if (others.includes(false)) return [];
      return [[name, others.length === 0 ? property : { allOf: [property, ...others] }]];
    }),
  );
}

/** Keywords without effect on validation. */
export const annotations: ReadonlySet<string> = new Set([
  ...["$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "title", "description", "default"],
  ...["examples", "example", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"],
]);

function combine(keyword: string, first: unknown, second: unknown): unknown {
  if (annotations.has(keyword)) return first;
  switch (keyword) {
    case "type":
      return commonTypes(toList(first), toList(second));
    case "enum":
      return common(toList(first), toList(second));
    case "required":
      return [...new Set([...toList(first), ...toList(second)])];
    case "properties":
    case "patternProperties":
      return isObject(first) && isObject(second) ? mergeProperties(first, second) : undefined;
    case "anyOf":
    case "oneOf":
      return products(toList(first), toList(second));
    case "minimum":
    case "exclusiveMinimum":
    case "minLength":
    case "minItems":
      return Math.max(Number(first), Number(second));
    case "maximum":
    case "exclusiveMaximum":
    case "maxLength":
    case "maxItems":
      return Math.min(Number(first), Number(second));
    case "items":
    case "additionalProperties":
      return first === false || second === false ? false : { allOf: [first, second] };
    default:
      return JSON.stringify(first) === JSON.stringify(second) ? first : undefined;
  }
}

function mergeProperties(first: SchemaObject, second: SchemaObject): SchemaObject {
  const shared = Object.keys(second).filter((name) => Object.hasOwn(first, name));
  return {
    ...first,
    ...second,
    ...Object.fromEntries(shared.map((name) => [name, { allOf: [first[name], second[name]] }])),
  };
}

function commonTypes(first: readonly unknown[], second: readonly unknown[]): unknown {
  const widened = (types: readonly unknown[]) => (types.includes("number") ? [...types, "integer"] : types);
  const types = common(widened(first), widened(second));
  return types?.includes("number") ? types.filter((type) => type !== "integer") : types;
}

function common(first: readonly unknown[], second: readonly unknown[]): unknown[] | undefined {
  const texts = new Set(second.map((value) => JSON.stringify(value)));
  const shared = first.filter((value) => texts.has(JSON.stringify(value)));
  return shared.length === 0 ? undefined : shared;
}

function products(first: readonly unknown[], second: readonly unknown[]): unknown[] | undefined {
  const pairs = first.flatMap((one) => second.map((other) => ({ allOf: [one, other] })));
  return pairs.length > productsLimit ? undefined : pairs;
}

const toList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

const productsLimit = 256;
