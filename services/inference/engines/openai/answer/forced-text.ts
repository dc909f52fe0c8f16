import type { ForcedCall, ForcedCallReader } from "../../upstream/forced-call.ts";
import type { Chunk } from "./chunk.ts";

/** Reads the text of an answer that is a call, as the call. */
export class ForcedText {
  readonly #reader: ForcedCallReader;
  #isNamed = false;

  constructor(forced: ForcedCall) {
    this.#reader = forced.reader();
  }

  /** The chunk with the piece of the call that its text is, in place of the text. */
  toCall(chunk: Chunk): Chunk {
    const argumentsJson = this.#reader.push(chunk.text);
    const { name } = this.#reader;
    if (argumentsJson === "" || name === undefined) return { ...chunk, text: "", calls: [] };
    const call = { index: 0, id: "", name: this.#isNamed ? "" : name, argumentsJson };
    this.#isNamed = true;
    return { ...chunk, text: "", calls: [call] };
  }
}
