import { describe, expect, test } from "vitest";
import { cutTo, printable, toTable, wrap } from "./terminal.ts";

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

describe("lines that are wrapped", () => {
  test.each([
    {
      text: "one two three",
      lead: "- ",
      width: 9,
      lines: ["- one two", "  three"],
      because: "words stay whole",
    },
    {
      text: "one two",
      lead: "heading ",
      indent: 2,
      width: 12,
      lines: ["heading one", "  two"],
      because: "the lead may be wider",
    },
    { text: "abcdefgh", lead: "", width: 3, lines: ["abc", "def", "gh"], because: "long words are cut" },
    {
      text: "モデル 名前",
      lead: "",
      width: 6,
      lines: ["モデル", "名前"],
      because: "wide characters take two columns",
    },
    {
      text: "👍🏽👍🏽 ok",
      lead: "",
      width: 4,
      lines: ["👍🏽👍🏽", "ok"],
      because: "an emoji is one character",
    },
    {
      text: "a b\u00a0c",
      lead: "",
      width: 3,
      lines: ["a", "b\u00a0c"],
      because: "unbroken spaces break no line",
    },
    {
      text: "a\u001b[31m b\tc\n",
      lead: "",
      width: 20,
      lines: ["a[31m b c"],
      because: "nothing controls the terminal",
    },
    { text: "", lead: "- ", width: 9, lines: ["-"], because: "there may be nothing to say" },
  ])("$text: $because", ({ text, lead, indent, width, lines }) => {
    expect(wrap(text, lead, indent, width)).toEqual(lines);
  });
});

test("cells and lines are measured as a terminal shows them", () => {
  expect(toTable(["A", "B"], [["模型", "1"]])).toBe("A     B\n模型  1\n");
  expect([cutTo("名前 x", 3), cutTo("e\u0301e\u0301", 1), cutTo("abc", 0)]).toEqual(["名", "e\u0301", ""]);
});
