import fc from "fast-check";
import { expect, test } from "vitest";
import { Utf8Stream } from "./utf8-stream.ts";

const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...pieces, bytes.subarray(from)];
};

test("text comes out unchanged however its bytes are cut", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 5 }));
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), sizes, (text, sizes) => {
      const stream = new Utf8Stream();
      const pieces = cut(Buffer.from(text), sizes).map((piece) => stream.push(piece));
      expect(stream.pending).toBe(false);
      expect([...pieces, stream.end()].join("")).toBe(text);
      for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
    }),
  );
});

test("bytes that are no text come out as the platform's own decoder has them, however they are cut", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(fc.uint8Array(), sizes, (bytes, sizes) => {
      const stream = new Utf8Stream();
      const text = cut(bytes, sizes).map((piece) => stream.push(piece));
      expect([...text, stream.end()].join("")).toBe(
        new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
      );
    }),
  );
});

test("an emoji leaves with its last byte", () => {
  const stream = new Utf8Stream();
  const rocket = [...Buffer.from("🚀")].map((byte) => {
    const text = stream.push(Uint8Array.of(byte));
    return [text, stream.pending];
  });
  expect(rocket).toEqual([
    ["", true],
    ["", true],
    ["", true],
    ["🚀", false],
  ]);
});

test("an unfinished character at the end is U+FFFD", () => {
  const stream = new Utf8Stream();
  expect(stream.push(Uint8Array.of(0x61, 0xf0, 0x9f))).toBe("a");
  expect(stream.end()).toBe("\ufffd");
  expect(stream.end()).toBe("");
});
