import { CallObject, isSpace } from "./call-object.ts";
import type { CallPart, CallReader } from "./tool-call-format.ts";

/** The syntax around the JSON objects of calls. */
export interface CallSyntax {
  /** Whether the objects are elements of a list. */
  readonly list: boolean;
  /** The tag that ends the calls; empty for none. */
  readonly close: string;
}

/** Parses calls that are JSON objects, single or in a list. */
export class JsonCallsReader implements CallReader {
  readonly #syntax: CallSyntax;
  #stage: "list" | "object" | "next" | "close" | "done" | "broken";
  #object = new CallObject();
  #parts: CallPart[] = [];
  #at = 0;
  #closed = "";

  constructor(syntax: CallSyntax) {
    this.#syntax = syntax;
    this.#stage = syntax.list ? "list" : "object";
  }

  get state(): CallReader["state"] {
    if (this.#stage === "done" || this.#stage === "broken") return this.#stage;
    // Many models end their turn without the closing tag.
    return this.#stage === "close" && this.#closed === "" ? "complete" : "reading";
  }

  read(text: string): number {
    let read = 0;
    for (const character of text) {
      if (this.#stage === "done" || this.#stage === "broken") break;
      this.#push(character);
      read += character.length;
      this.#at += character.length;
    }
    return read;
  }

  take(): CallPart[] {
    const parts = [...this.#parts, ...this.#object.parts.splice(0)];
    this.#parts = [];
    return parts;
  }

  #push(character: string): void {
    if (this.#stage === "object") {
      this.#object.push(character, this.#at);
      if (this.#object.state !== "reading") this.#endObject();
    } else if (this.#stage === "close") this.#pushClose(character);
    else if (!isSpace(character)) this.#pushList(character);
  }

  #endObject(): void {
    const { state } = this.#object;
    this.#parts = this.take();
    this.#object = new CallObject();
    if (state === "broken") this.#stage = "broken";
    else if (this.#syntax.list) this.#stage = "next";
    else this.#stage = this.#syntax.close === "" ? "done" : "close";
  }

  #pushList(character: string): void {
    if (this.#stage === "list") this.#stage = character === "[" ? "object" : "broken";
    else if (character === ",") this.#stage = "object";
    else this.#stage = character === "]" ? "done" : "broken";
  }

  #pushClose(character: string): void {
    if (this.#closed === "" && isSpace(character)) return;
    this.#closed += character;
    if (this.#closed === this.#syntax.close) this.#stage = "done";
    else if (!this.#syntax.close.startsWith(this.#closed)) this.#stage = "broken";
  }
}
