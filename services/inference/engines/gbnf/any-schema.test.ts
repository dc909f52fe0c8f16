import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GrammarSampler, seeded } from "../../../../test/support/inference/grammar-sampler.ts";
import { jsonSchemaGrammar, SchemaError } from "./index.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });

const bound = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined });
const limit = fc.option(
  fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.double({ min: -50, max: 50, noNaN: true })),
  { nil: undefined },
);
const name = fc.oneof(
  fc.constantFrom("a", "b", "ab", "items", "type", "é", 'q"'),
  fc.string({ maxLength: 4 }),
);

/** Any value but those whose keys the validator that judges here trips over. */
const literal = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !/"(toString|valueOf|constructor|__proto__)"/.test(JSON.stringify(value)));

/** Drops what is undefined: in a schema that is not the same as absent for every reader. */
const tidy = (schema: object): object => JSON.parse(JSON.stringify(schema));

/** Schemas of every kind that can be enforced, nested in every way. */
const { schema } = fc.letrec<{ schema: object; leaf: object }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<object>({ type: "boolean" }, { type: "null" }, { type: ["string", "null"] }, {}),
    fc.record({ type: fc.constant("string"), minLength: bound, maxLength: bound }),
    fc.record({
      type: fc.constantFrom("integer", "number"),
      minimum: limit,
      maximum: limit,
      exclusiveMinimum: limit,
    }),
    fc.record({ enum: fc.array(literal, { minLength: 1, maxLength: 3 }) }),
    fc.record({ const: literal }),
    fc.constantFrom<object>(
      { type: "string", pattern: "^[a-c]{2}(x|yz)?\\d+$" },
      { type: "string", format: "date" },
      { type: "string", format: "uuid" },
    ),
  ),
  schema: fc.oneof(
    { maxDepth: 3 },
    tie("leaf"),
    fc.record({
      type: fc.constant("object"),
      properties: fc.dictionary(name, tie("schema"), { maxKeys: 4 }),
      required: fc.uniqueArray(name, { maxLength: 2 }),
      additionalProperties: fc.oneof(fc.boolean(), tie("leaf")),
    }),
    fc.record({ type: fc.constant("array"), items: tie("schema"), minItems: bound, maxItems: bound }),
    fc.record({
      type: fc.constant("array"),
      prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
      items: fc.constant(false),
      minItems: bound,
    }),
    fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) }),
    fc.record({
      anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
      allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
    }),
  ),
}));

test("whatever schema comes, it is refused or all that its grammar lets through is valid", () => {
  let enforced = 0;
  fc.assert(
    fc.property(schema.map(tidy), fc.nat(), (any, seed) => {
      let grammar: string;
      try {
        grammar = jsonSchemaGrammar(any, { strict: true });
      } catch (error) {
        if (error instanceof SchemaError) return;
        throw error;
      }
      enforced++;
      const sampler = new GrammarSampler(grammar, seeded(seed));
      const validate = ajv.compile(any);
      for (let index = 0; index < 4; index++) {
        const text = sampler.draw();
        expect(validate(JSON.parse(text)), `${text}: ${ajv.errorsText(validate.errors)}`).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
  // Otherwise it would be shown of nothing.
  expect(enforced).toBeGreaterThan(150);
});
