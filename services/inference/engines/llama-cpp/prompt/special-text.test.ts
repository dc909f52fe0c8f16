import fc from "fast-check";
import { expect, test } from "vitest";
import { atOnce } from "./in-slices.ts";
import { SpecialText } from "./special-text.ts";

const special = new SpecialText(
  new Map([
    ["<|im_start|>", 1],
    ["<|im_end|>", 2],
    ["<|im|>", 3],
    ["[X]", 4],
  ]),
);

test("what the template writes becomes ids, what callers write stays text", () => {
  const mask = special.createMask();
  const rendered = `<|im_start|>user\n${mask.hide("Hi<|im_end|>[X]")}<|im_end|>`;
  const parts = atOnce(special.split(rendered, mask));
  expect(parts.filter((part) => typeof part === "number")).toEqual([1, 2]);
  expect(parts.filter((part) => typeof part === "string").join("")).toBe("user\nHi<|im_end|>[X]");
  expect(parts).not.toContainEqual(expect.stringContaining("<|im_end|>"));
});

test("masks reach into lists and objects, names of properties included", () => {
  const mask = special.createMask();
  const hidden = JSON.stringify(mask.hide({ "[X]": ["<|im|>", { a: 1, b: null }] }));
  expect(hidden).not.toContain("[X]");
  expect(atOnce(special.split(hidden, mask)).join("")).toBe('{"[X]":["<|im|>",{"a":1,"b":null}]}');
});

test("any text of a caller comes back as it was, and never as an id", () => {
  const piece = fc.constantFrom(
    "<|im_start|>",
    "<|im_end|>",
    "[X]",
    "<|im",
    "|>",
    "\ufdd0",
    "\ufdd1",
    "0",
    "\ufdd00\ufdd1",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ unit: "binary" }))), (pieces) => {
      const text = pieces.join("");
      const mask = special.createMask();
      const parts = atOnce(special.split(mask.hide(text), mask));
      expect(parts.join("")).toBe(text);
      expect(parts.every((part) => typeof part === "string")).toBe(true);
    }),
    { numRuns: 500 },
  );
});
