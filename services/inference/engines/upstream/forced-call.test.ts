import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallableTool } from "../tools/tool-use.ts";
import { forceCall, withoutRootReferences } from "./forced-call.ts";

const tool = (name: string, parameters: unknown): CallableTool => ({
  name,
  description: "",
  parameters,
  strict: false,
  param: "tools[0]",
});
const tree = {
  type: "object",
  properties: { leaf: { $ref: "#/$defs/leaf" }, next: { $ref: "#" } },
  required: ["leaf"],
  additionalProperties: false,
  $defs: { leaf: { enum: ["a", "b"] } },
};
const tools = [tool("grow", tree), tool("stop", undefined)];

describe("a call of one of several functions", () => {
  const { schema, reader } = forceCall(tools);
  const validate = new Ajv({ strict: false }).compile(schema as object);

  test.each([
    { call: { name: "grow", parameters: { leaf: "a" } }, is: true },
    { call: { name: "grow", parameters: { leaf: "a", next: { leaf: "b" } } }, is: true },
    { call: { name: "grow", parameters: { leaf: "c" } }, is: false },
    { call: { name: "stop", parameters: {} }, is: true },
    { call: { name: "stop", parameters: { leaf: "a" } }, is: false },
    { call: { name: "fell", parameters: {} }, is: false },
    { call: { parameters: {} }, is: false },
  ])("$call has the form: $is", ({ call, is }) => {
    expect(validate(call), JSON.stringify(validate.errors)).toBe(is);
  });

  test("is read from its text however that is cut", () => {
    const values = fc.dictionary(fc.string(), fc.jsonValue());
    const space = fc.constantFrom("", " ", "\n  ");
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.string(), values, space, sizes, (name, values, gap, sizes) => {
        const json = JSON.stringify(values);
        const text = `${gap}{${gap}"name"${gap}:${gap}${JSON.stringify(name)},${gap}"parameters":${gap}${json}${gap}}${gap}`;
        const reading = reader();
        let found = "";
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          found += reading.push(text.slice(at, at + size))?.argumentsJson ?? "";
          at += size;
        }
        expect(reading.name).toBe(name);
        expect(JSON.parse(found)).toEqual(JSON.parse(json));
      }),
    );
  });
});

test("a call of one function is its arguments and nothing else", () => {
  const { schema, reader } = forceCall([tool("grow", { ...tree, properties: { leaf: { enum: ["a"] } } })]);
  expect(schema).toEqual({ ...tree, properties: { leaf: { enum: ["a"] } } });
  const reading = reader();
  expect(reading.name).toBe("grow");
  expect(reading.push('{"leaf":')).toEqual({ name: "grow", argumentsJson: '{"leaf":' });
  expect(reading.push('"a"}')).toEqual({ name: "", argumentsJson: '"a"}' });
});

test("a schema that refers to itself as a whole says the same without doing so", () => {
  const told = withoutRootReferences(tree);
  expect(JSON.stringify(told)).not.toContain('"#"');
  const [before, after] = [tree, told as object].map((schema) => new Ajv({ strict: false }).compile(schema));
  for (const value of [{ leaf: "a" }, { leaf: "a", next: { leaf: "b" } }, { leaf: "c" }, { next: {} }, 1])
    expect(after!(value)).toBe(before!(value));
});

test("any other schema stays as it is", () => {
  const schema = { type: "object", properties: { leaf: { $ref: "#/$defs/leaf" } }, $defs: tree.$defs };
  expect(withoutRootReferences(schema)).toBe(schema);
});
