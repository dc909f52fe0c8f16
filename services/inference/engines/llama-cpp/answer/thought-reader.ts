import { partialMatchLength } from "../../text/partial-match.ts";
import { type Piece, running } from "./pieces.ts";

/** How models mark their thoughts: Qwen, DeepSeek and those made after them. */
export const thinkingMarks = { begin: "<think>", end: "</think>" } as const;

/** Whether an answer begins with thoughts: never, if the model opens them, or already inside of them. */
export type ThinkingStart = "never" | "possible" | "begun";

/**
 * Takes the thoughts off the beginning of an answer. White space around them belongs to the marks and shows
 * nowhere. Thoughts are looked for at the beginning only: later on, the marks are text.
 */
export class ThoughtReader {
  #stage: "before" | "margin" | "inside" | "behind" | "over";

  constructor(start: ThinkingStart) {
    this.#stage = start === "never" ? "over" : start === "possible" ? "before" : "margin";
  }

  /** True while what comes in is thought, or may be. */
  get thinking(): boolean {
    return this.#stage === "margin" || this.#stage === "inside";
  }

  /** True once thoughts are over: the rest of the answer is no business of this. */
  get over(): boolean {
    return this.#stage === "over";
  }

  /** Reads from the beginning of `text`, which stands at `at`. Returns how many characters are settled. */
  read(text: string, at: number, pieces: Piece[]): number {
    let read = 0;
    for (;;) {
      const rest = text.slice(read);
      const stage = this.#stage;
      read += this.#step(rest, at + read, pieces);
      if (this.#stage === "over" || this.#stage === stage) return read;
    }
  }

  /** Nothing follows: what was held back is thought, or text. */
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
    if (trimmed.startsWith(thinkingMarks.begin)) {
      this.#stage = "margin";
      return text.length - trimmed.length + thinkingMarks.begin.length;
    }
    if (!thinkingMarks.begin.startsWith(trimmed)) this.#stage = "over";
    return 0;
  }

  #skipSpace(text: string): number {
    const trimmed = text.trimStart();
    if (trimmed !== "") this.#stage = this.#stage === "margin" ? "inside" : "over";
    return text.length - trimmed.length;
  }

  #findEnd(text: string, at: number, pieces: Piece[]): number {
    const end = text.indexOf(thinkingMarks.end);
    const open = end >= 0 ? end : text.length - partialMatchLength(text, [thinkingMarks.end]);
    const thought = text.slice(0, open).trimEnd();
    if (thought !== "") pieces.push(running("reasoning", at, thought));
    if (end < 0) return thought.length;
    this.#stage = "behind";
    return end + thinkingMarks.end.length;
  }
}
