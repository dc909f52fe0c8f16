import type { Begun } from "../request/begun.ts";

/**
 * Takes off what a server repeats of an answer that it goes on with: all of the text that it was given, when that comes
 * first and in one piece, as from servers that show the whole turn; and the end of it that it had to write again.
 */
export class Seam {
  /** Empty once the first text has come. */
  #sent: string;
  /** What is still to be written again. */
  #again: string;

  /** Of an answer that begins here nothing is taken off. */
  constructor(begun: Begun | undefined) {
    this.#sent = begun?.sent ?? "";
    this.#again = begun?.again ?? "";
  }

  /** What is new in the next piece of text. */
  push(text: string): string {
    if (text === "") return text;
    const rest = this.#sent !== "" && text.startsWith(this.#sent) ? text.slice(this.#sent.length) : text;
    this.#sent = "";
    if (rest === "" || this.#again === "") return rest;
    let same = 0;
    while (same < this.#again.length && rest[same] === this.#again[same]) same++;
    // What differs is new, whatever was expected.
    this.#again = same === rest.length ? this.#again.slice(same) : "";
    return rest.slice(same);
  }
}
