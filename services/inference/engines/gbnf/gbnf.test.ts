import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../../../core/telemetry/log.ts";
import { GrammarSampler, seeded } from "../../../../test/support/inference/grammar-sampler.ts";
import { loadAddon } from "../llama-cpp/native/addon.ts";
import { jsonSchemaGrammar, SchemaError } from "./index.ts";

const addon = await loadAddon(silentLog);

/** Whether llama.cpp's own reading of the grammar matches a text. */
function matcher(grammar: string): (text: string) => boolean {
  const compiled = new addon.AddonGrammar(grammar, { addonExports: addon });
  return (text) => compiled.isTextCompatible(text);
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });

const string = { type: "string" };
const integer = { type: "integer" };

const schemas: Record<string, unknown> = {
  anything: {},
  "an object of any kind": { type: "object" },
  "a person": {
    type: "object",
    properties: { name: string, age: integer, city: { type: ["string", "null"] } },
    required: ["name", "age", "city"],
    additionalProperties: false,
  },
  "optional before, between and after required": {
    type: "object",
    properties: { a: string, b: integer, c: { type: "boolean" }, d: { type: "null" }, e: string },
    required: ["b", "d"],
    additionalProperties: false,
  },
  "all optional": { type: "object", properties: { a: integer, b: integer, c: integer } },
  "no properties at all": { type: "object", properties: {}, additionalProperties: false },
  "a dictionary": { type: "object", additionalProperties: integer },
  "described properties and others": {
    type: "object",
    properties: { id: integer, idea: integer, i: integer },
    required: ["id"],
    additionalProperties: string,
  },
  "a required property that is described only in general": {
    type: "object",
    required: ["kind"],
    additionalProperties: string,
  },
  "names that need escapes": {
    type: "object",
    properties: { 'quote"d': integer, "back\\slash": integer, "line\nbreak": integer, "naïve 🚀": integer },
    required: ['quote"d', "back\\slash", "line\nbreak", "naïve 🚀"],
    additionalProperties: false,
  },
  "an enumeration of values of all kinds": { enum: ["a", 1, null, true, 'x"y', { k: [1, 2] }] },
  "a constant": { const: { a: [1, "two", null] } },
  "an enumeration that its type narrows": { type: ["string", "null"], enum: ["a", 1, null] },
  "an enumeration that other keywords narrow": { enum: ["a", "bb", 3, 30], minLength: 2, maximum: 9 },
  "options that share a bound": {
    anyOf: [{ const: "xy" }, { enum: ["x", "xyz", "xyzz"], minLength: 3 }],
    maxLength: 3,
  },
  "options that an enumeration narrows": {
    anyOf: [{ type: "string" }, { type: "null" }],
    enum: ["x", 5, null],
  },
  "all of several, of which one restricts what the other adds": {
    allOf: [
      { type: "object", properties: { a: integer }, additionalProperties: { type: ["string", "null"] } },
      { properties: { b: { type: ["string", "integer"] } }, required: ["a", "b"] },
    ],
  },
  "a tuple whose items another schema restricts": {
    allOf: [
      { type: "array", prefixItems: [{}, string], items: false, minItems: 2 },
      { items: { type: ["string", "integer"], minimum: 5 } },
    ],
  },
  "one of several": { anyOf: [string, integer, { type: "null" }] },
  "options that share properties": {
    type: "object",
    properties: { id: integer },
    required: ["id"],
    anyOf: [
      { properties: { kind: { const: "a" }, a: string }, required: ["kind", "a"] },
      { properties: { kind: { const: "b" }, b: integer }, required: ["kind", "b"] },
    ],
  },
  "all of several": {
    allOf: [
      { type: "object", properties: { a: { type: "integer", minimum: 3 } }, required: ["a"] },
      { properties: { a: { maximum: 9 }, b: string }, required: ["b"] },
    ],
  },
  "a reference": {
    type: "object",
    properties: { from: { $ref: "#/$defs/point" }, to: { $ref: "#/$defs/point" } },
    required: ["from", "to"],
    $defs: { point: { type: "array", items: { type: "number" }, minItems: 2, maxItems: 2 } },
  },
  "a reference with more to it": {
    type: "array",
    items: { $ref: "#/definitions/small", minimum: 2 },
    definitions: { small: { type: "integer", maximum: 5 } },
  },
  "a tree": {
    type: "object",
    properties: { value: integer, children: { type: "array", items: { $ref: "#" } } },
    required: ["value", "children"],
    additionalProperties: false,
  },
  "a list that ends": {
    anyOf: [{ type: "null" }, { $ref: "#/$defs/node" }],
    $defs: { node: { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] } },
  },
  "an array of bounded length": { type: "array", items: integer, minItems: 2, maxItems: 5 },
  "an array of at most one": { type: "array", items: string, maxItems: 1 },
  "an empty array": { type: "array", maxItems: 0 },
  "a tuple": { type: "array", prefixItems: [string, integer], items: false, minItems: 2 },
  "a tuple with a tail": { type: "array", prefixItems: [string], items: integer, minItems: 3, maxItems: 4 },
  "a string of bounded length": { type: "string", minLength: 2, maxLength: 5 },
  "a string of exact length": { type: "string", minLength: 4, maxLength: 4 },
  "a long string": { type: "string", minLength: 300, maxLength: 700 },
  "a string with a least length beyond one block": { type: "string", minLength: 300 },
  "an empty string": { type: "string", maxLength: 0 },
  "a bounded whole number": { type: "integer", minimum: -17, maximum: 1234 },
  "a whole number from one on": { type: "integer", minimum: 1 },
  "a negative whole number": { type: "integer", exclusiveMaximum: 0 },
  "a whole number far below": { type: "integer", maximum: -123_456 },
  "a share": { type: "number", minimum: 0, maximum: 1 },
  "a number strictly between": { type: "number", exclusiveMinimum: -1.5, exclusiveMaximum: 2 },
  "a number between fractions": { type: "number", minimum: 0.25, maximum: 0.75 },
  "a number between close fractions": { type: "number", minimum: 2.141, maximum: 2.1416 },
  "a number between fractions of different wholes": { type: "number", minimum: -2.75, maximum: 12.5 },
  "a positive number": { type: "number", exclusiveMinimum: 0 },
  "a negative number": { type: "number", maximum: -0.5 },
  "a number from a large one on": { type: "number", minimum: 1e17 },
  "bounds as in the fourth draft": { type: "integer", minimum: 0, exclusiveMinimum: 0, maximum: 3 },
  "a nullable enumeration": { enum: ["x", null] },
  "types without a type": {
    properties: { a: { minimum: 3, maximum: 4 }, b: { items: string } },
    required: ["a", "b"],
  },
};

describe("what a grammar lets through is valid and llama.cpp reads it the same way", () => {
  test.each(Object.keys(schemas))("%s", async (name) => {
    const schema = schemas[name] as object;
    const grammar = jsonSchemaGrammar(schema, { strict: true });
    const matches = matcher(grammar);
    const validate = ajv.compile(schema);
    const sampler = new GrammarSampler(grammar, seeded(7));
    for (let index = 0; index < 60; index++) {
      const text = sampler.draw();
      expect(matches(text), text).toBe(true);
      expect(validate(JSON.parse(text)), `${text} ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
  });
});

test("every short fraction between two bounds is let through, and none beyond them", () => {
  const matches = matcher(
    jsonSchemaGrammar({ type: "number", minimum: 2.141, maximum: 2.26 }, { strict: true }),
  );
  const within = ["2.1411", "2.15", "2.199", "2.2", "2.205", "2.25", "2.259"];
  const beyond = ["2.14", "2.1409", "2.261", "2.3", "2.07", "1.2", "3.15"];
  expect(within.filter((text) => !matches(text))).toEqual([]);
  expect(beyond.filter(matches)).toEqual([]);
});

/** With the `u` flag where a pattern allows it. */
function withFlag(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

test.each([
  { pattern: "^[A-Z]{2}-\\d{4}$" },
  { pattern: "^(a|b|cd)+x?$" },
  { pattern: "^(\\+\\d{1,3} )?[0-9 ]{6,12}$" },
  { pattern: "needle" },
  { pattern: "^start" },
  { pattern: "end$" },
  { pattern: "^a$|^b+$|c" },
  { pattern: '^"quoted"\\\\ \\n\\t/$' },
  { pattern: '^["\\\\a-c]+$' },
  { pattern: "^[^a-z\\s]{3,}$" },
  { pattern: "^.{2,4}$" },
  { pattern: "^\\w+@\\w+\\.(com|org)$" },
  { pattern: "^(a*)*$" },
  { pattern: "^((a?b?)*c{0,2}){2,3}$" },
  { pattern: "^(?:x|(?<name>y))\\u0041\\x42\\u{1F680}\\uD83D\\uDE80[\\u{1F600}-\\u{1F64F}]$" },
  { pattern: "^[\\d\\-_.]{1,3}[\\]\\[^-]$" },
  { pattern: "^[\\w-.]+x{,2}]$" },
  { pattern: "^\\-\\@\\_🚀[\\-a]$" },
  { pattern: "" },
])("texts for the pattern $pattern match it", async ({ pattern }) => {
  const grammar = jsonSchemaGrammar({ type: "string", pattern }, { strict: true });
  const matches = matcher(grammar);
  const sampler = new GrammarSampler(grammar, seeded(3));
  for (let index = 0; index < 80; index++) {
    const text = sampler.draw();
    expect(matches(text), text).toBe(true);
    expect(JSON.parse(text)).toMatch(withFlag(pattern));
  }
});

test.each([
  { format: "date", valid: /^\d{4}-\d\d-\d\d$/ },
  { format: "time", valid: /^\d\d:\d\d:\d\d/ },
  { format: "date-time", valid: /T\d\d:\d\d:\d\d/ },
  { format: "uuid", valid: /^[0-9a-f-]{36}$/ },
  { format: "email", valid: /^[^@ ]+@[^@ ]+\.[a-z]+$/ },
  { format: "ipv4", valid: /^(\d{1,3}\.){3}\d{1,3}$/ },
  { format: "ipv6", valid: /^([0-9a-f]{1,4}:){7}/ },
  { format: "hostname", valid: /^[a-z0-9.-]+$/ },
  { format: "uri", valid: /^https?:\/\// },
  { format: "duration", valid: /^P/ },
])("the format $format is enforced", ({ format, valid }) => {
  const sampler = new GrammarSampler(
    jsonSchemaGrammar({ type: "string", format }, { strict: true }),
    seeded(1),
  );
  for (let index = 0; index < 30; index++) {
    const value = JSON.parse(sampler.draw()) as string;
    expect(value).toMatch(valid);
    if (format.startsWith("date")) expect(Number.isNaN(Date.parse(value)), value).toBe(false);
    if (format === "uri") expect(URL.canParse(value), value).toBe(true);
  }
});

test("a format that nobody knows binds nothing", () => {
  expect(jsonSchemaGrammar({ type: "string", format: "zebra" }, { strict: true })).toBe(
    jsonSchemaGrammar({ type: "string" }, { strict: true }),
  );
});

test.each([
  { text: "{}", matched: true },
  { text: '{"a": 1}', matched: true },
  { text: '{"a":[1,{"b":"\\u00e9\\n"}],"c":null}', matched: true },
  { text: '{\n  "a": 1,\n  "b": -0.5e-7\n}', matched: true },
  { text: "[]", matched: false },
  { text: '{"a":01}', matched: false },
  { text: '{"a":1,}', matched: false },
  { text: '{"a":"\t"}', matched: false },
  { text: '{"a":"\\ud83d"}', matched: false },
  { text: '{"a":1e999}', matched: false },
])("a JSON object: $text is matched: $matched", async ({ text, matched }) => {
  expect(matcher(jsonSchemaGrammar({ type: "object" }, { strict: true }))(text)).toBe(matched);
});

test("properties come in the order of the schema", async () => {
  const properties = { zebra: integer, apple: integer };
  const matches = matcher(
    jsonSchemaGrammar({ type: "object", properties, required: ["zebra", "apple"] }, { strict: true }),
  );
  expect(matches('{"zebra": 1, "apple": 2}')).toBe(true);
  expect(matches('{"apple": 2, "zebra": 1}')).toBe(false);
});

test.each([
  { schema: false, because: "allows nothing" },
  { schema: 7, because: "neither an object nor a boolean" },
  { schema: { $ref: "#/$defs/none" }, because: "not there" },
  { schema: { $ref: "https://example.com/schema" }, because: "outside of itself" },
  { schema: { $ref: "#" }, because: "without end" },
  { schema: { anyOf: [{ type: "null" }, { $ref: "#" }] }, because: "without end" },
  { schema: { allOf: [{ $ref: "#" }] }, because: "nested too deeply" },
  { schema: { type: "wibble" }, because: "a type that JSON does not know" },
  { schema: { type: [] }, because: "no type" },
  { schema: { enum: [] }, because: "no value" },
  { schema: { type: "integer", minimum: 3, maximum: 2 }, because: "bounds that no number meets" },
  { schema: { type: "integer", minimum: "3" }, because: "minimum that is no number" },
  { schema: { type: "string", minLength: 3, maxLength: 2 }, because: "maxLength below its minLength" },
  { schema: { type: "string", minLength: -1 }, because: "no whole number" },
  { schema: { type: "string", pattern: "(?=a)b" }, because: "looks ahead" },
  { schema: { type: "string", pattern: "(a" }, because: "cannot be read (unterminated group)" },
  { schema: { type: "string", pattern: "a{3,1}" }, because: "numbers out of order" },
  { schema: { type: "string", pattern: "\\p{L}" }, because: "uses `\\p{L}`" },
  { schema: { type: "string", pattern: "(?i:a)" }, because: "sets flags" },
  { schema: { type: "string", pattern: "\\ud800" }, because: "uses `\\ud800`" },
  {
    schema: { type: "string", pattern: "(?:".repeat(5000) + ")".repeat(5000) },
    because: "nested too deeply",
  },
  { schema: { type: "string", pattern: "(".repeat(100_000) }, because: "nested too deeply" },
  { schema: { type: "string", pattern: "(a)\\1" }, because: "uses `\\1`" },
  { schema: { type: "array", minItems: 1, items: false }, because: "more items than it describes" },
  { schema: { allOf: [{ type: "string" }, { type: "null" }] }, because: "contradict each other" },
  { schema: { type: "object", required: ["a"], additionalProperties: false }, because: "does not allow" },
  { schema: { type: "array", minItems: 100_000 }, because: "more repetitions" },
  { schema: nested(200), because: "nested too deeply" },
  {
    schema: { enum: Array.from({ length: 70_000 }, (_, index) => `value number ${index}`) },
    because: "too large",
  },
])("a schema is refused: $because", ({ schema, because }) => {
  for (const strict of [true, false]) {
    const compile = () => jsonSchemaGrammar(schema, { strict });
    expect(compile).toThrow(SchemaError);
    expect(compile).toThrow(because);
  }
});

function nested(levels: number): unknown {
  return levels === 0 ? {} : { type: "array", items: nested(levels - 1) };
}

test("the error says where in the schema the fault is", () => {
  const schema = { type: "object", properties: { "a/b": { type: "array", items: { type: "wibble" } } } };
  expect(() => jsonSchemaGrammar(schema, { strict: true })).toThrow(
    "the schema at /properties/a~1b/items has a type that JSON does not know",
  );
});

test.each([
  { type: "array", uniqueItems: true },
  { type: "number", multipleOf: 0.5 },
  { not: { type: "string" } },
  { type: "object", patternProperties: { "^x": {} } },
  { type: "object", properties: { a: {} }, minProperties: 1 },
  { if: {}, else: false },
])("a keyword that cannot be enforced is an error only in strict mode: %j", (schema) => {
  expect(() => jsonSchemaGrammar(schema, { strict: true })).toThrow("cannot be enforced");
  expect(jsonSchemaGrammar(schema, { strict: false })).toContain("root ::= ");
});

test("patterns that make other machines run forever are read at once", async () => {
  const matches = matcher(jsonSchemaGrammar({ type: "string", pattern: "^(a+)+$" }, { strict: true }));
  expect(matches(`"${"a".repeat(200)}"`)).toBe(true);
  expect(matches(`"${"a".repeat(200)}!"`)).toBe(false);
});

test.each([
  { pattern: "^(a+)+$", text: "a".repeat(5000) },
  { pattern: "^(a|aa)+$", text: "a".repeat(5000) },
  { pattern: "^(.*a){20}$", text: "a".repeat(5000) },
  { pattern: "^([a-z]+)*\\d?$", text: "abc".repeat(2000) },
])("values beside $pattern are checked without backtracking", ({ pattern, text }) => {
  for (const values of [{ const: text }, { enum: [text, `${text}!`] }]) {
    const matches = matcher(jsonSchemaGrammar({ type: "string", pattern, ...values }, { strict: true }));
    expect(matches(JSON.stringify(text))).toBe(true);
    expect(matches(JSON.stringify(`${text}!`))).toBe(false);
  }
  const refused = { type: "string", pattern, const: `${text}!` };
  expect(() => jsonSchemaGrammar(refused, { strict: true })).toThrow("allows no value");
});

test.each(["(?=a)a", "(a)\\1", "(", "(?<!b)a"])(
  "a value beside %s, which RE2 does not run, is refused",
  (pattern) => {
    const schema = { type: "string", pattern, enum: ["a", "aa"] };
    for (const strict of [true, false])
      expect(() => jsonSchemaGrammar(schema, { strict })).toThrow("has a pattern that cannot be enforced");
  },
);

test("references that multiply beside a value are refused", () => {
  const names = Array.from({ length: 30 }, (_, index) => `level${index}`);
  const $defs = Object.fromEntries(
    names.map((name, index) => {
      const next = index === 29 ? { type: "null" } : { $ref: `#/$defs/level${index + 1}` };
      return [name, { anyOf: [next, next] }];
    }),
  );
  const schema = { $defs, const: 1, anyOf: [{ $ref: "#/$defs/level0" }] };
  expect(() => jsonSchemaGrammar(schema, { strict: false })).toThrow("is too large to be enforced");
});
