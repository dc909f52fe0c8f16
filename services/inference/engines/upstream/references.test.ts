import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { withoutRootReferences } from "./references.ts";

const tree = {
  type: "object",
  properties: { leaf: { $ref: "#/$defs/leaf" }, next: { $ref: "#" } },
  required: ["leaf"],
  additionalProperties: false,
  $defs: { leaf: { enum: ["a", "b"] } },
};

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
