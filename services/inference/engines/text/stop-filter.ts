import { findFirst, partialMatchLength } from "./partial-match.ts";

/** Finds stop sequences in streamed text; what may turn into one is held back, so no part is ever emitted. */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = "";
  #met = "";

  /** Empty stop sequences never match. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  get hit(): boolean {
    return this.#met !== "";
  }

  /** The stop sequence that was met; empty before. */
  get met(): string {
    return this.#met;
  }

  /** Takes more text and returns what is safe to emit, in order. */
  push(text: string): string {
    if (this.hit) return "";
    if (this.#stops.length === 0) return text;
    const all = this.#held + text;
    const match = findFirst(all, this.#stops);
    if (match !== undefined) {
      this.#met = match.needle;
      this.#held = "";
      return all.slice(0, match.index);
    }
    const clear = all.length - partialMatchLength(all, this.#stops);
    this.#held = all.slice(clear);
    return all.slice(0, clear);
  }

  /** Returns the text held back, when no more follows. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}
