import { findFirst, partialMatchLength } from "./partial-match.ts";

/**
 * Looks for stop texts in a stream of text. Text that could become a stop text is held back until it is clear
 * whether it does, so nothing of a stop text ever leaves.
 */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = "";
  #met = "";

  /** Empty stop texts never match. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** True once a stop text was met; whatever follows it is swallowed. */
  get hit(): boolean {
    return this.#met !== "";
  }

  /** The stop text that was met; empty before that. */
  get met(): string {
    return this.#met;
  }

  /** Takes more text and returns what may leave, in order with what was held back. */
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

  /** No more text follows, or none that belongs to this: lets go of what was held back. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}
