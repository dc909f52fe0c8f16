import { anyOf, type GrammarBuilder, jsonLiteral, literal } from "../../gbnf/index.ts";
import { JsonCallsReader } from "./json-calls-reader.ts";
import { NamedCallReader } from "./named-call-reader.ts";
import type { Notation, ToolRule } from "./notation.ts";

/** The notation that a chat template teaches; undefined when it is none of the known ones. */
export function detectNotation(templateSource: string): Notation | undefined {
  const has = (text: string) => templateSource.includes(text);
  // Qwen3-Coder writes XML inside of the same marks.
  if (has("<tool_call>")) return has("<function=") || has("<arg_key>") ? undefined : hermes;
  if (has("[TOOL_CALLS]")) return has("[ARGS]") ? mistralNamed : mistralList;
  if (has("<|python_tag|>") || /"name":.*"parameters":/.test(templateSource)) return llama3;
  return undefined;
}

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

/** The rule of a call as a JSON object, name first. */
function callObjectRule(
  grammar: GrammarBuilder,
  tools: readonly ToolRule[],
  argumentsKey: "arguments" | "parameters",
): string {
  const ws = grammar.json("ws");
  const member = (key: string, value: string) => `${jsonLiteral(key)} ${ws} ":" ${ws} ${value}`;
  const calls = tools.map(({ name, argumentsRule }) =>
    grammar.rule(
      `"{" ${ws} ${member("name", jsonLiteral(name))} ${ws} "," ${ws} ${member(argumentsKey, argumentsRule)} ${ws} "}"`,
    ),
  );
  return grammar.rule(anyOf(calls));
}

/** An expression for an item once, and up to `max` times with something between. */
function separated(grammar: GrammarBuilder, item: string, separator: string, max: number): string {
  if (max === 1) return item;
  return `${item} ${grammar.repeat(grammar.rule(`${separator} ${item}`.trim()), 0, max - 1)}`;
}
