import type { GrammarBuilder } from "../../gbnf/index.ts";
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
