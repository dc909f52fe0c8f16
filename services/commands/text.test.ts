import { expect, test } from "vitest";
import { printable } from "./printable.ts";
import { toTable } from "./table.ts";

test("a table has columns as wide as their widest cell", () => {
  expect(
    toTable(
      ["MODEL", "NODES"],
      [
        ["starter", "1"],
        ["llama3.1:8b", "12"],
      ],
    ),
  ).toBe("MODEL        NODES\nstarter      1\nllama3.1:8b  12\n");
});

test.each([
  { text: "plain, ünïcode 🙂\n\ttabs", shown: "plain, ünïcode 🙂\n\ttabs", because: "text is left alone" },
  { text: "\u001b]0;title\u0007x", shown: "]0;titlex", because: "the title of a window is the person's" },
  { text: "a\u009b31mb\rc\u007f", shown: "a31mbc", because: "there are other ways to control a terminal" },
])("a terminal is shown $shown: $because", ({ text, shown }) => {
  expect(printable(text)).toBe(shown);
});
