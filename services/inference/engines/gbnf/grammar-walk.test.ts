import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../../../core/telemetry/log.ts";
import { GrammarSampler, seeded } from "../../../../test/support/inference/grammar-sampler.ts";
import { schemaBombs } from "../../../../test/support/inference/schema-bombs.ts";
import { loadAddon } from "../llama-cpp/native/addon.ts";
import { GrammarWalk, jsonSchemaGrammar, parseGbnf } from "./index.ts";

const addon = await loadAddon(silentLog);
const walkOf = (schema: unknown) =>
  new GrammarWalk(parseGbnf(jsonSchemaGrammar(schema, { strict: false })).root);

describe("a walk through a grammar reads texts as llama.cpp does", () => {
  const schemas = [
    { name: "any value", fine: true },
    { name: "an object", fine: { properties: { a: { enum: ["é", "😀", 'q"'] }, b: { type: "number" } } } },
    // Drawing texts from a chain of references takes the square of its length.
    ...schemaBombs.filter(({ name }) => !name.includes("chain")),
  ];
  test.each(schemas)("of $name", ({ fine }) => {
    const gbnf = jsonSchemaGrammar(fine, { strict: false });
    const native = new addon.AddonGrammar(gbnf, { addonExports: addon });
    const { root } = parseGbnf(gbnf);
    const sampler = new GrammarSampler(gbnf, seeded(11));
    const texts = Array.from({ length: 10 }, () => sampler.draw().slice(0, 400));
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.constantFrom("", '"', "]", ",", "1", "é"),
        (text, at, other) => {
          const from = at % (text.length + 1);
          for (const read of [text, text.slice(0, from) + other + text.slice(from + 1)]) {
            if (!read.isWellFormed()) continue;
            const walk = new GrammarWalk(root);
            walk.take(read);
            expect(walk.complete, read).toBe(native.isTextCompatible(read));
          }
        },
      ),
      { numRuns: 30, seed: 20261128 },
    );
  });
});

describe("what is open", () => {
  const arraysIn = (item: object) => ({
    anyOf: [0, 1].map((kind) => ({ type: "array", prefixItems: [item, { const: kind }], items: false })),
  });
  const trees = {
    $ref: "#/$defs/v",
    $defs: { v: arraysIn({ anyOf: [{ $ref: "#/$defs/v" }, { const: 1 }] }) },
  };

  test("counts ways to read the text, and those that are equal once", () => {
    expect(walkOf({ const: "a" }).open).toBe(1);
    expect(walkOf({ enum: [1, 2, 3] }).open).toBe(3);
    expect(walkOf({ anyOf: [{ const: 1 }, { const: 1 }] }).open).toBe(1);
    const walk = walkOf({ anyOf: [{ enum: [11, 12] }, { enum: [21, 22] }] });
    walk.take("1");
    expect(walk.open).toBe(2);
    walk.take("1");
    expect([walk.open, walk.complete]).toEqual([1, true]);
    walk.take("x");
    expect(walk.open).toBe(0);
  });

  test("may grow with what is written, until that is refused", () => {
    expect(() => walkOf(trees)).toThrow("more than 512 alternatives");
    const { root } = parseGbnf('root ::= v\nv ::= ("[" v "]" "0" | "[" v "]" "1" | "x")\n');
    const walk = new GrammarWalk(root);
    walk.take("[".repeat(7));
    expect(walk.open).toBe(2 ** 7 * 3);
    expect(() => walk.take("[")).toThrow("more than 512 alternatives");
  });

  test("is left alone by looking ahead, and by what a copy reads", () => {
    const walk = walkOf({ type: "array", items: { enum: [1, 2] } });
    const copy = walk.clone();
    walk.take("[");
    const { open } = walk;
    copy.take("[1,");
    walk.lookAhead(10);
    expect(walk.open).toBe(open);
    walk.take("1]");
    expect([walk.complete, copy.complete]).toEqual([true, false]);
  });
});
