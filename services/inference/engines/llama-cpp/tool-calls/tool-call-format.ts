import type { GrammarBuilder } from "../../gbnf/index.ts";

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
  /** A reader for what follows an opener, or for a bare call. */
  createReader(): CallReader;
  /** A GBNF expression for one to `max` calls, openers included. */
  calls(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
  /** The same without the first opener. */
  afterOpener(grammar: GrammarBuilder, tools: readonly ToolRule[], max: number): string;
}

/** Part of a call; offsets count from where the reader started. */
export type CallPart =
  /** Start of a call; its name is known at `to`. */
  | { readonly kind: "name"; readonly to: number; readonly name: string }
  /** A fragment of the arguments' JSON, verbatim. */
  | { readonly kind: "arguments"; readonly from: number; readonly text: string }
  /** Arguments written in another form, known at `to`. */
  | { readonly kind: "decoded"; readonly to: number; readonly text: string }
  /** End of a call. */
  | { readonly kind: "end"; readonly to: number };

/** Parses the text after an opener, as it is generated. */
export interface CallReader {
  /** Takes more text and returns how many of its characters belong to the calls. */
  read(text: string): number;
  /**
   * `reading`: incomplete. `complete`: may end here. `done`: nothing more belongs to the calls. `broken`:
   * not a call.
   */
  readonly state: "reading" | "complete" | "done" | "broken";
  /** The parts found since the last call. */
  take(): CallPart[];
}
