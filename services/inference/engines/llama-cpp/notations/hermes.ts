import { callObjectRule, separated } from "./call-grammar.ts";
import { JsonCallsReader } from "./json-calls-reader.ts";
import type { Notation } from "./notation.ts";

/**
 * `<tool_call>{"name": "f", "arguments": {…}}</tool_call>`, one after the other: Hermes, Qwen 2.5 and 3, and the
 * starter model. Some write line breaks between the marks and the object.
 */
export const hermes: Notation = {
  name: "hermes",
  openers: ["<tool_call>"],
  bare: false,
  marks: ["<tool_call>", "</tool_call>"],
  createReader: () => new JsonCallsReader({ list: false, close: "</tool_call>" }),
  calls(grammar, tools, max) {
    const call = grammar.rule(`"<tool_call>" ${this.afterOpener(grammar, tools, 1)}`);
    return separated(grammar, call, `"\\n"?`, max);
  },
  afterOpener: (grammar, tools) =>
    `"\\n"? ${callObjectRule(grammar, tools, "arguments")} "\\n"? "</tool_call>"`,
};
