import { partialMatchLength } from "../../text/partial-match.ts";
import { type Piece, running } from "./pieces.ts";

/** The tags around reasoning of Qwen, DeepSeek and their successors. */
export const reasoningTags = { begin: "<think>", end: "</think>" } as const;

/**
 * Whether an answer starts with reasoning: never, if the model opens it, or the prompt has opened it
 * already.
 */
export type ReasoningStart = "never" | "possible" | "opened";

/**
 * Parses the reasoning at the beginning of an answer; later on, the tags are text. White space around the
 * tags belongs to them and is not shown.
 */
export class ReasoningReader {
  #stage: "before" | "margin" | "inside" | "behind" | "over";

  constructor(start: ReasoningStart) {
    this.#stage = start === "never" ? "over" : start === "possible" ? "before" : "margin";
  }

  /** True while the input is reasoning, or may be. */
  get thinking(): boolean {
    return this.#stage === "margin" || this.#stage === "inside";
  }

  get over(): boolean {
    return this.#stage === "over";
  }

  /** Reads `text`, which starts at offset `at`. Returns how many characters are settled. */
  read(text: string, at: number, pieces: Piece[]): number {
    let read = 0;
    for (;;) {
      const rest = text.slice(read);
      const stage = this.#stage;
      read += this.#step(rest, at + read, pieces);
      if (this.#stage === "over" || this.#stage === stage) return read;
    }
  }

  /** Ends the input: what was held back is reasoning, or text. */
  end(text: string, at: number, pieces: Piece[]): void {
    const rest = text.trimEnd();
    if (this.#stage === "inside" && rest !== "") pieces.push(running("reasoning", at, rest));
    if (this.#stage === "before" && text !== "") pieces.push(running("text", at, text));
  }

  #step(text: string, at: number, pieces: Piece[]): number {
    switch (this.#stage) {
      case "before":
        return this.#findBegin(text);
      case "margin":
      case "behind":
        return this.#skipSpace(text);
      case "inside":
        return this.#findEnd(text, at, pieces);
      case "over":
        return 0;
    }
  }

  #findBegin(text: string): number {
    const trimmed = text.trimStart();
    if (trimmed.startsWith(reasoningTags.begin)) {
      this.#stage = "margin";
      return text.length - trimmed.length + reasoningTags.begin.length;
    }
    if (!reasoningTags.begin.startsWith(trimmed)) this.#stage = "over";
    return 0;
  }

  #skipSpace(text: string): number {
    const trimmed = text.trimStart();
    if (trimmed !== "") this.#stage = this.#stage === "margin" ? "inside" : "over";
    return text.length - trimmed.length;
  }

  #findEnd(text: string, at: number, pieces: Piece[]): number {
    const end = text.indexOf(reasoningTags.end);
    const open = end >= 0 ? end : text.length - partialMatchLength(text, [reasoningTags.end]);
    const reasoning = text.slice(0, open).trimEnd();
    if (reasoning !== "") pieces.push(running("reasoning", at, reasoning));
    if (end < 0) return reasoning.length;
    this.#stage = "behind";
    return end + reasoningTags.end.length;
  }
}
