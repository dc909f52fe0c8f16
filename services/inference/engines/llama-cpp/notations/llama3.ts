import { callObjectRule } from "./call-grammar.ts";
import { JsonCallsReader } from "./json-calls-reader.ts";
import type { Notation } from "./notation.ts";

/**
 * `{"name": "f", "parameters": {…}}` as the whole answer, sometimes behind `<|python_tag|>`: Llama 3.1 and later.
 * These models make one call in a turn.
 */
export const llama3: Notation = {
  name: "llama3",
  openers: ["<|python_tag|>"],
  bare: true,
  marks: ["<|python_tag|>"],
  createReader: () => new JsonCallsReader({ list: false, close: "" }),
  calls: (grammar, tools) => callObjectRule(grammar, tools, "parameters"),
  afterOpener: (grammar, tools) => callObjectRule(grammar, tools, "parameters"),
};
