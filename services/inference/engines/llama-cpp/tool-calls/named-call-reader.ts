import { JsonValueEnd } from "./json-value.ts";
import type { CallPart, CallReader } from "./tool-call-format.ts";

/** Parses `f[ARGS]{…}`, with or without `[CALL_ID]…` before the arguments. */
export class NamedCallReader implements CallReader {
  #stage: "head" | "arguments" | "done" | "broken" = "head";
  readonly #value = new JsonValueEnd();
  #parts: CallPart[] = [];
  #head = "";
  #at = 0;

  get state(): CallReader["state"] {
    return this.#stage === "done" || this.#stage === "broken" ? this.#stage : "reading";
  }

  read(text: string): number {
    let read = 0;
    for (const character of text) {
      if (this.#stage === "done" || this.#stage === "broken") break;
      if (this.#stage === "head") this.#pushHead(character);
      else this.#pushArguments(character);
      read += character.length;
      this.#at += character.length;
    }
    return read;
  }

  take(): CallPart[] {
    return this.#parts.splice(0);
  }

  #pushHead(character: string): void {
    this.#head += character;
    if (this.#head.length > headLimit) this.#stage = "broken";
    if (!this.#head.endsWith(argumentsMark)) return;
    const [name] = this.#head.slice(0, -argumentsMark.length).split("[CALL_ID]");
    const trimmed = name!.trim();
    this.#stage = /^[\w.-]+$/.test(trimmed) ? "arguments" : "broken";
    if (this.#stage === "arguments") this.#parts.push({ kind: "name", to: this.#at + 1, name: trimmed });
  }

  #pushArguments(character: string): void {
    const result = this.#value.push(character);
    if (result === "bad" || result === "after") {
      this.#stage = "broken";
      return;
    }
    const last = this.#parts.at(-1);
    if (last?.kind === "arguments")
      this.#parts[this.#parts.length - 1] = { ...last, text: last.text + character };
    else this.#parts.push({ kind: "arguments", from: this.#at, text: character });
    if (result === "more") return;
    this.#parts.push({ kind: "end", to: this.#at + 1 });
    this.#stage = "done";
  }
}

const argumentsMark = "[ARGS]";
/** Names have at most 64 characters, ids fewer. */
const headLimit = 256;
