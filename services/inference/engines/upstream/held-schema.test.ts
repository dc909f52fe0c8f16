import { describe, expect, test } from "vitest";
import { SchemaError } from "../gbnf/index.ts";
import { holdTo, toMatcher } from "./held-schema.ts";

const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });

describe("an answer that is held to a schema", () => {
  test.each<{ schema: unknown; good: unknown; bad: unknown; because: string }>([
    {
      schema: object({ n: { type: "integer", minimum: 1 } }, { required: ["n"] }),
      good: { n: 1 },
      bad: { n: 0 },
      because: "bounds bind",
    },
    {
      schema: { type: "number", minimum: 1, exclusiveMinimum: true },
      good: 2,
      bad: 1,
      because: "draft 4 had its own word for exclusive bounds",
    },
    {
      schema: { type: "array", items: [{ type: "string" }], additionalItems: false },
      good: ["a"],
      bad: ["a", 1],
      because: "`items` was a list before 2020",
    },
    {
      schema: { type: "array", prefixItems: [{ type: "string" }], items: false },
      good: ["a"],
      bad: [1],
      because: "`prefixItems` is that list now",
    },
    {
      schema: object({ next: { $ref: "#" } }, { additionalProperties: false }),
      good: { next: { next: {} } },
      bad: { next: { other: 1 } },
      because: "a schema may refer to itself",
    },
    {
      schema: object({ a: {}, b: {} }, { if: { required: ["a"] }, else: false }),
      good: { a: 1 },
      bad: { b: 1 },
      because: "conditions bind, which no grammar has",
    },
    {
      schema: object({}, { patternProperties: { "^x-": { type: "string" } }, additionalProperties: false }),
      good: { "x-a": "" },
      bad: { "x-a": 1 },
      because: "so do patterns of names",
    },
    { schema: { not: { const: 1 } }, good: 2, bad: 1, because: "so do negations" },
    {
      schema: { type: "number", multipleOf: 0.1 },
      good: 0.3,
      bad: 0.35,
      because: "0.3 is a multiple of 0.1",
    },
    {
      schema: { type: "string", maxLength: 1 },
      good: "😀",
      bad: "ab",
      because: "characters count, not units",
    },
    {
      schema: { const: { a: [1, 2] } },
      good: { a: [1, 2] },
      bad: { a: [2, 1] },
      because: "values are compared whole",
    },
    {
      schema: { type: "string", format: "email" },
      good: "no address",
      bad: 1,
      because: "formats bind nothing",
    },
    { schema: { type: "string", nullable: true }, good: "", bad: null, because: "`nullable` is no keyword" },
    { schema: { $async: true, type: "string" }, good: "", bad: 1, because: "`$async` is none either" },
    {
      schema: object({}, { required: ["__proto__"] }),
      good: JSON.parse('{"__proto__": 1}'),
      bad: {},
      because: "what an object inherits is not in it",
    },
    { schema: false, good: undefined, bad: 1, because: "`false` allows nothing" },
  ])("$because", ({ schema, good, bad }) => {
    const matches = toMatcher(schema);
    expect([good === undefined || matches(JSON.stringify(good)), matches(JSON.stringify(bad))]).toEqual([
      true,
      false,
    ]);
  });

  test("is JSON at least", () => {
    expect([holdTo({}, true)("{"), holdTo({}, false)("{"), holdTo({}, false)("{}")]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe("patterns", () => {
  test.each([
    { pattern: "^\\d{3}-\\p{Lu}+\\u00e9$", good: "123-ÄÉé".normalize(), bad: "12-Äé" },
    { pattern: "^(?:a|b)*?c$", good: "abac", bad: "abad" },
    { pattern: "x$", good: "x", bad: "x\n" },
    { pattern: "b", good: "abc", bad: "ac" },
  ])("match as in JavaScript: $pattern", ({ pattern, good, bad }) => {
    const matches = toMatcher({ type: "string", pattern });
    expect([matches(JSON.stringify(good)), matches(JSON.stringify(bad))]).toEqual([true, false]);
  });

  test.each(["^(a+)+$", "^(a|aa)+$", "^(a|a)*$", "(.*a){12}$"])(
    "never backtrack: %s reads a hundred thousand characters",
    (pattern) => {
      expect(toMatcher({ type: "string", pattern })(JSON.stringify(`${"a".repeat(100_000)}!`))).toBe(false);
    },
  );
});

const circle = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } };

test.each([
  { schema: { type: "int" }, because: "a type that does not exist" },
  { schema: { required: "name" }, because: "a keyword with a value of another type" },
  { schema: { $ref: "#/$defs/nowhere" }, because: "a reference to nothing" },
  { schema: { $ref: "http://127.0.0.1/schema" }, because: "a reference to elsewhere, which is not followed" },
  { schema: { pattern: "(?=a)b" }, because: "a pattern that needs backtracking" },
  { schema: { pattern: "((a{500}){500}){500}" }, because: "a pattern that is too large" },
  { schema: circle, because: "references in a circle" },
  { schema: 7, because: "no schema at all" },
])("$because cannot be checked", ({ schema }) => {
  expect(() => toMatcher(schema)).toThrow(SchemaError);
});

test("alternatives that are tried again in each level are checked to a depth, and never for long", () => {
  const operations = ["+", "-"].map((operation) => ({
    type: "object",
    properties: { left: { $ref: "#/$defs/value" }, operation: { const: operation } },
    required: ["left", "operation"],
  }));
  const matches = toMatcher({
    $ref: "#/$defs/value",
    $defs: { value: { anyOf: [...operations, { type: "number" }] } },
  });
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { left: nested(depth - 1), operation: "-" });
  expect(matches(JSON.stringify(nested(10)))).toBe(true);
  expect(matches(JSON.stringify(nested(60)))).toBe(false);
});
