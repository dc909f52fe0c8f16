import { anyOf, literal } from "../../gbnf/index.ts";
import { callObjectRule, separated } from "./call-grammar.ts";
import { JsonCallsReader } from "./json-calls-reader.ts";
import { NamedCallReader } from "./named-call-reader.ts";
import type { Notation } from "./notation.ts";

/** `[TOOL_CALLS][{"name": "f", "arguments": {…}}, …]`: Mistral 7B v0.3, Nemo and their kin. */
export const mistralList: Notation = {
  name: "mistral-list",
  openers: ["[TOOL_CALLS]"],
  bare: false,
  marks: ["[TOOL_CALLS]"],
  createReader: () => new JsonCallsReader({ list: true, close: "" }),
  calls(grammar, tools, max) {
    return `"[TOOL_CALLS]" ${this.afterOpener(grammar, tools, max)}`;
  },
  afterOpener(grammar, tools, max) {
    const call = callObjectRule(grammar, tools, "arguments");
    return `" "? "[" ${separated(grammar, call, `"," ${grammar.json("ws")}`, max)} "]"`;
  },
};

/** `[TOOL_CALLS]f[ARGS]{…}`, one after the other: Mistral since Small 3.2 and Magistral. */
export const mistralNamed: Notation = {
  name: "mistral-named",
  openers: ["[TOOL_CALLS]"],
  bare: false,
  marks: ["[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"],
  createReader: () => new NamedCallReader(),
  calls(grammar, tools, max) {
    const call = grammar.rule(`"[TOOL_CALLS]" ${this.afterOpener(grammar, tools, 1)}`);
    return separated(grammar, call, "", max);
  },
  afterOpener: (_grammar, tools) =>
    anyOf(tools.map(({ name, argumentsRule }) => `${literal(`${name}[ARGS]`)} ${argumentsRule}`)),
};
