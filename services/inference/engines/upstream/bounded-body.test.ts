import { expect, test } from "vitest";
import { boundedText } from "./upstream-text.ts";

/** A body in these pieces; tells how many of them were read, and whether the rest was let go. */
function bodyOf(...pieces: (string | Uint8Array)[]) {
  const state = { read: 0, isOver: false };
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (const piece of pieces) {
        state.read++;
        yield Buffer.from(piece as string);
      }
    } finally {
      state.isOver = true;
    }
  }
  return { body: body(), state };
}

test("a body is read whole, however its characters are cut", async () => {
  const bytes = Buffer.from('{"city":"Århus"}');
  const { body } = bodyOf(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
  expect(await boundedText(body, 1000)).toBe('{"city":"Århus"}');
  expect(await boundedText(null, 1000)).toBe("");
});

test("a byte order mark before JSON is no part of it", async () => {
  const { body } = bodyOf("\ufeff{}");
  expect(JSON.parse(await boundedText(body, 1000))).toEqual({});
});

test("of a body that is too long the beginning is kept and the rest let go", async () => {
  const { body, state } = bodyOf("abc", "def", "ghi");
  expect(await boundedText(body, 4)).toBe("abcd");
  expect(state).toEqual({ read: 2, isOver: true });
});
