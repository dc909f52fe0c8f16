/** A string that ends. */
const word = { type: "string", maxLength: 16 };

/**
 * Schemas that people send, strictly enforceable all of them. Strings and open arrays are bounded: a small model does
 * not always find the end of one by itself, and an answer that its context cuts off is no JSON.
 */
export const structuredSchemas: Readonly<Record<string, object>> = {
  "a flat object": object({ name: word, age: { type: "integer" } }),
  "nested objects": object({ a: object({ b: object({ c: object({ d: { type: "boolean" } }) }) }), e: word }),
  "an array of objects": {
    ...object({
      items: { type: "array", items: object({ id: { type: "integer" }, label: word }), maxItems: 3 },
    }),
  },
  "arrays of arrays": {
    type: "array",
    items: { type: "array", items: { type: "number" }, minItems: 1, maxItems: 3 },
    minItems: 1,
    maxItems: 3,
  },
  "a tuple": {
    type: "array",
    prefixItems: [{ type: "string", maxLength: 8 }, { type: "integer" }, { type: "boolean" }],
    items: false,
    minItems: 3,
  },
  "an enumeration of words": object({ colour: { type: "string", enum: ["red", "green", "dark blue"] } }),
  "an enumeration of mixed values": object({ value: { enum: [1, "one", null, true, 2.5] } }),
  "a constant": object({ kind: { const: "event" }, version: { const: 3 } }),
  "an integer within bounds": object({ month: { type: "integer", minimum: 1, maximum: 12 } }),
  "numbers within bounds": object({
    share: { type: "number", minimum: 0, maximum: 1 },
    degrees: { type: "number", exclusiveMinimum: -90, exclusiveMaximum: 90 },
  }),
  "a string within lengths": object({ code: { type: "string", minLength: 3, maxLength: 5 } }),
  "a pattern": object({ plate: { type: "string", pattern: "^[A-Z]{2}-[0-9]{3,4}$" } }),
  formats: object({
    day: { type: "string", format: "date" },
    id: { type: "string", format: "uuid" },
    mail: { type: "string", format: "email" },
  }),
  "a nullable field": object({ middle: { type: ["string", "null"], maxLength: 8 } }),
  "a union of types": object({ value: { anyOf: [{ type: "integer" }, word, { type: "null" }] } }),
  "a union of objects told apart by a constant": {
    ...object({
      shape: {
        anyOf: [
          object({ kind: { const: "circle" }, radius: { type: "number" } }),
          object({ kind: { const: "square" }, side: { type: "integer", minimum: 1 } }),
        ],
      },
    }),
  },
  oneOf: { oneOf: [object({ yes: { type: "boolean" } }), object({ no: { type: "integer" } })] },
  allOf: {
    allOf: [
      { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
      { type: "object", properties: { b: word }, required: ["b"] },
    ],
  },
  definitions: {
    ...object({ from: { $ref: "#/$defs/point" }, to: { $ref: "#/$defs/point" } }),
    $defs: { point: object({ x: { type: "integer" }, y: { type: "integer" } }) },
  },
  "a schema that refers to itself": {
    ...object({ root: { $ref: "#/$defs/node" } }),
    $defs: {
      node: object({
        value: { type: "integer" },
        next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
      }),
    },
  },
  "optional fields": {
    type: "object",
    properties: { a: { type: "integer" }, b: { type: "boolean" }, c: word, d: { type: "null" } },
    required: ["b"],
    additionalProperties: false,
  },
  "further fields of one type": {
    type: "object",
    properties: { id: { type: "integer" } },
    required: ["id"],
    additionalProperties: { type: "integer" },
  },
  "a bare string": { type: "string", minLength: 1, maxLength: 20 },
  "a bare number": { type: "number" },
  "a bare boolean": { type: "boolean" },
  "names that need escapes": object({ 'say "hi"': { type: "boolean" }, "naïve 🚀": { type: "integer" } }),
  "descriptions, titles and defaults": {
    title: "Answer",
    description: "What is asked for.",
    ...object({ ok: { type: "boolean", title: "OK", description: "Whether.", default: true } }),
  },
  "what zod writes": {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...object({
      steps: { type: "array", maxItems: 2, items: object({ explanation: word, output: word }) },
      final: { anyOf: [word, { type: "null" }] },
      count: { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 },
    }),
  },
};

/** An object with these properties, all of them required, and no others. */
function object(properties: Record<string, object>): object {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}
