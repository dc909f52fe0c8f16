import { CallObject, isSpace } from "./call-object.ts";
import type { CallPart, CallReader } from "./tool-call-format.ts";

/** What surrounds the JSON objects of calls. */
export interface Surroundings {
  /** True: the objects stand in a list. */
  readonly list: boolean;
  /** What ends the calls; empty for nothing. */
  readonly close: string;
}

/** Reads calls that are JSON objects: one, or a list of them, with a mark at the end or without. */
export class JsonCallsReader implements CallReader {
  readonly #surroundings: Surroundings;
  #stage: "list" | "object" | "next" | "close" | "done" | "broken";
  #object = new CallObject();
  #parts: CallPart[] = [];
  #at = 0;
  #closed = "";

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#stage = surroundings.list ? "list" : "object";
  }

  get state(): CallReader["state"] {
    if (this.#stage === "done" || this.#stage === "broken") return this.#stage;
    // Many a model ends its turn after the object and leaves the mark out.
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
    else if (this.#surroundings.list) this.#stage = "next";
    else this.#stage = this.#surroundings.close === "" ? "done" : "close";
  }

  #pushList(character: string): void {
    if (this.#stage === "list") this.#stage = character === "[" ? "object" : "broken";
    else if (character === ",") this.#stage = "object";
    else this.#stage = character === "]" ? "done" : "broken";
  }

  #pushClose(character: string): void {
    if (this.#closed === "" && isSpace(character)) return;
    this.#closed += character;
    if (this.#closed === this.#surroundings.close) this.#stage = "done";
    else if (!this.#surroundings.close.startsWith(this.#closed)) this.#stage = "broken";
  }
}
