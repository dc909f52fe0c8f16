import { anyOf, type GrammarBuilder, jsonLiteral, literal } from "../../gbnf/index.ts";
import { callList, callObject, namedCall } from "./call-parsers.ts";
import type { CallParser } from "./open-call.ts";

/** A tool in a grammar. */
export interface ToolRule {
  readonly name: string;
  /** Name of the rule for its arguments. */
  readonly argumentsRule: string;
}

/** How a family of models writes tool calls. */
export interface ToolCallFormat {
  /** For logs and tests. */
  readonly name: string;
  /** Tags that start calls, anywhere in the answer. */
  readonly openers: readonly string[];
  /** True when a JSON object at the beginning of the answer is a call, too. */
  readonly bare: boolean;
  /** All tags of the format, some of which may be control tokens. */
  readonly tags: readonly string[];
  /** Parses what follows an opener, or a bare call. */
  readonly parse: CallParser;
  /** A GBNF expression for one to `max` calls, openers included. */
  calls(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
  /** The same without the first opener. */
  afterOpener(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
}

/** The tool-call format that a chat template teaches; undefined when it is unknown. */
export function detectToolCallFormat(templateSource: string): ToolCallFormat | undefined {
  const has = (text: string) => templateSource.includes(text);
  // Qwen3-Coder writes XML inside the same tags.
  if (has("<tool_call>")) return has("<function=") || has("<arg_key>") ? undefined : hermes;
  if (has("[TOOL_CALLS]")) return has("[ARGS]") ? mistralNamed : mistralList;
  if (has("<|python_tag|>") || /"name":.*"parameters":/.test(templateSource)) return llama3;
  return undefined;
}

/** `<tool_call>{"name": "f", "arguments": {…}}</tool_call>`, any spacing: Hermes, Qwen 2.5 and 3, starter. */
export const hermes: ToolCallFormat = {
  name: "hermes",
  openers: ["<tool_call>"],
  bare: false,
  tags: ["<tool_call>", "</tool_call>"],
  parse: callObject("</tool_call>"),
  calls(grammar, tools, max) {
    const call = grammar.rule(`"<tool_call>" ${this.afterOpener(grammar, tools, 1)}`);
    return separated(grammar, call, `"\\n"?`, max);
  },
  afterOpener: (grammar, tools) =>
    `"\\n"? ${callObjectRule(grammar, tools, "arguments")} "\\n"? "</tool_call>"`,
};

/** `{"name": "f", "parameters": {…}}`, bare or after `<|python_tag|>`: Llama 3.1 and on, a call per turn. */
export const llama3: ToolCallFormat = {
  name: "llama3",
  openers: ["<|python_tag|>"],
  bare: true,
  tags: ["<|python_tag|>"],
  parse: callObject(""),
  calls: (grammar, tools) => callObjectRule(grammar, tools, "parameters"),
  afterOpener: (grammar, tools) => callObjectRule(grammar, tools, "parameters"),
};

/** `[TOOL_CALLS][{"name": "f", "arguments": {…}}, …]`: Mistral 7B v0.3, Nemo and relatives. */
export const mistralList: ToolCallFormat = {
  name: "mistral-list",
  openers: ["[TOOL_CALLS]"],
  bare: false,
  tags: ["[TOOL_CALLS]"],
  parse: callList,
  calls(grammar, tools, max) {
    return `"[TOOL_CALLS]" ${this.afterOpener(grammar, tools, max)}`;
  },
  afterOpener(grammar, tools, max) {
    const call = callObjectRule(grammar, tools, "arguments");
    return `" "? "[" ${separated(grammar, call, `"," ${grammar.json("ws")}`, max)} "]"`;
  },
};

/** `[TOOL_CALLS]f[ARGS]{…}`, repeated: Mistral since Small 3.2, and Magistral. */
export const mistralNamed: ToolCallFormat = {
  name: "mistral-named",
  openers: ["[TOOL_CALLS]"],
  bare: false,
  tags: ["[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"],
  parse: namedCall,
  calls(grammar, tools, max) {
    const call = grammar.rule(`"[TOOL_CALLS]" ${this.afterOpener(grammar, tools, 1)}`);
    return separated(grammar, call, "", max);
  },
  afterOpener: (_grammar, tools) =>
    anyOf(tools.map(({ name, argumentsRule }) => `${literal(`${name}[ARGS]`)} ${argumentsRule}`)),
};

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

function separated(grammar: GrammarBuilder, item: string, separator: string, max: number): string {
  if (max === 1) return item;
  return `${item} ${grammar.repeat(grammar.rule(`${separator} ${item}`.trim()), 0, max - 1)}`;
}
