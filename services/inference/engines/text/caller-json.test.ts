import { expect, test } from "vitest";
import { parseCallerJson, parseCallerObject } from "./caller-json.ts";

test.each([
  { what: "arrays", text: "[".repeat(201) + "]".repeat(201) },
  { what: "objects", text: `${'{"a":'.repeat(201)}1${"}".repeat(201)}` },
  { what: "behind a string", text: `["\\\\\\"[",${"[".repeat(200)}${"]".repeat(200)}]` },
])("JSON that nests too deeply is refused: $what", ({ text }) => {
  expect(() => parseCallerJson(text)).toThrow("nested too deeply");
});

test("brackets in strings do not nest", () => {
  const text = JSON.stringify({ a: '"\\'.repeat(10) + "[{".repeat(300), b: [["x"]] });
  expect(parseCallerJson(text)).toEqual(JSON.parse(text));
});

test.each(['\\"', '"', "[", "\\", '{"', "é"])(
  "a text of megabytes is read once, whatever it consists of: %s",
  (piece) => {
    expect(parseCallerObject(`"${piece.repeat(2_000_000)}`)).toBeUndefined();
  },
);
