import fc from "fast-check";
import { expect, test } from "vitest";
import { lineLimitUnits, linesOf } from "./client.ts";

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const size of sizes) {
    yield bytes.subarray(from, from + size);
    from += size;
  }
  yield bytes.subarray(from);
}

test("lines are the same however their bytes are cut", async () => {
  const line = fc.string({ unit: "binary" }).map((text) => JSON.stringify(text));
  const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(fc.array(line), sizes, fc.boolean(), async (lines, sizes, isEnded) => {
      const bytes = Buffer.from(lines.join("\n") + (isEnded ? "\n" : ""));
      expect(await Array.fromAsync(linesOf(cut(bytes, sizes)))).toEqual(lines);
    }),
  );
});

test("a line that never ends is an error before it fills the memory", async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(1024 * 1024, "a");
  }
  let read = 0;
  async function* counted() {
    for await (const bytes of endless()) {
      read += bytes.length;
      yield bytes;
    }
  }
  await expect(Array.fromAsync(linesOf(counted()))).rejects.toThrow(RangeError);
  expect(read).toBeLessThan(lineLimitUnits + 2 * 1024 * 1024);
});
