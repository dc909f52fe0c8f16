import { WrittenAgain } from "../../text/written-again.ts";
import type { Begun } from "../request/begun.ts";

/**
 * Takes off what a server repeats of an answer that it goes on with: all of the text that it was given, when that comes
 * first and in one piece, as from servers that show the whole turn; and the end of it that it had to write again.
 */
export class Seam {
  /** Empty once the first text has come. */
  #sent: string;
  readonly #again: WrittenAgain;

  /** Of an answer that begins here nothing is taken off. */
  constructor(begun: Begun | undefined) {
    this.#sent = begun?.sent ?? "";
    this.#again = new WrittenAgain(begun?.again ?? "");
  }

  /** What is new in the next piece of text. */
  push(text: string): string {
    if (text === "") return text;
    const rest = this.#sent !== "" && text.startsWith(this.#sent) ? text.slice(this.#sent.length) : text;
    this.#sent = "";
    return this.#again.push(rest);
  }
}
