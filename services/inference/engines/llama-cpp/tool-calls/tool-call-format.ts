import type { GrammarBuilder } from "../../gbnf/index.ts";

/** A tool as a grammar needs it. */
export interface ToolRule {
  readonly name: string;
  /** The rule of its arguments' JSON. */
  readonly argumentsRule: string;
}

/** How a family of models writes tool calls. */
export interface ToolCallFormat {
  /** For logs and tests. */
  readonly name: string;
  /** Texts that announce calls, wherever in the answer they stand. */
  readonly openers: readonly string[];
  /** True: a JSON object at the beginning of the answer is a call, too, without any announcement. */
  readonly bare: boolean;
  /** Further texts that belong to the format and may be control tokens. */
  readonly marks: readonly string[];
  /** Reads what follows an opener, or a bare call from its brace on. */
  createReader(): CallReader;
  /** A GBNF expression for at least one and at most `max` calls, openers included. */
  calls(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
  /** The same for what follows one opener. */
  afterOpener(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
}

/** Something found in the text of a call; places count characters from the reader's beginning. */
export type CallPart =
  /** A call begins: its name is known once the text has been read up to `to`. */
  | { readonly kind: "name"; readonly to: number; readonly name: string }
  /** More of the arguments' JSON: the characters of the text itself, from `from` on. */
  | { readonly kind: "arguments"; readonly from: number; readonly text: string }
  /** Arguments that stand in the text in another form; known once it has been read up to `to`. */
  | { readonly kind: "decoded"; readonly to: number; readonly text: string }
  /** A call is complete. */
  | { readonly kind: "end"; readonly to: number };

/** Reads the text behind an opener, as it comes in. */
export interface CallReader {
  /** Takes more text and returns how many of its characters belong to the calls. */
  read(text: string): number;
  /**
   * `reading`: more must follow. `complete`: the calls could end here, and more may follow. `done`: nothing more
   * belongs to them. `broken`: this is no call.
   */
  readonly state: "reading" | "complete" | "done" | "broken";
  /** What was found since the last call of this. */
  take(): CallPart[];
}
