import fc from "fast-check";
import { expect, test } from "vitest";
import { StopFilter } from "./stop-filter.ts";

const read = (filter: StopFilter, pieces: readonly string[]): string[] => pieces.map((p) => filter.push(p));

test("a stop text that is spread over pieces never shows", () => {
  const filter = new StopFilter(["END", "ENORMOUS"]);
  expect(read(filter, ["a E", "N", "x EN", "D tail", "more"])).toEqual(["a ", "", "ENx ", "", ""]);
  expect([filter.hit, filter.met]).toEqual([true, "END"]);
});

test.each([
  { stops: ["cd", "bc"], left: "a", because: "it is complete first" },
  { stops: ["bcd", "c"], left: "ab", because: "it is complete before the one that begins earlier" },
  { stops: ["c", "bc"], left: "a", because: "both are complete at once and it begins first" },
])("of $stops the one that leaves $left of abcd counts: $because", ({ stops, left }) => {
  const filter = new StopFilter(stops);
  expect(filter.push("abcd")).toBe(left);
  expect(filter.hit).toBe(true);
});

test("what was held back leaves when nothing follows", () => {
  const filter = new StopFilter(["\n\n"]);
  expect(filter.push("one\n")).toBe("one");
  expect(filter.flush()).toBe("\n");
  expect([filter.hit, filter.met]).toEqual([false, ""]);
});

test("an empty stop text stops nothing", () => {
  expect(read(new StopFilter([""]), ["a", "b"])).toEqual(["a", "b"]);
});

test("however the text is cut, what leaves is the same", () => {
  const letters = fc.constantFrom("a", "b", "c");
  const someStops = fc.array(fc.string({ unit: letters, minLength: 1, maxLength: 4 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.string({ unit: letters })), someStops, (pieces, stops) => {
      const [whole, cut] = [new StopFilter(stops), new StopFilter(stops)];
      const text = pieces.join("");
      const left = whole.push(text) + whole.flush();
      expect([...read(cut, pieces), cut.flush()].join("")).toBe(left);
      expect(cut.hit).toBe(whole.hit);
      expect(whole.hit).toBe(stops.some((stop) => text.includes(stop)));
      expect(text.startsWith(left)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
