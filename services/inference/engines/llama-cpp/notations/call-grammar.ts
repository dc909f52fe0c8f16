import { anyOf, type GrammarBuilder, jsonLiteral } from "../../gbnf/index.ts";
import type { ToolRule } from "./notation.ts";

/** The rule of a call as a JSON object, name first. */
export function callObjectRule(
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
export function separated(grammar: GrammarBuilder, item: string, separator: string, max: number): string {
  if (max === 1) return item;
  return `${item} ${grammar.repeat(grammar.rule(`${separator} ${item}`.trim()), 0, max - 1)}`;
}
