import type { Tokenizer } from "../prompt/tokenizer.ts";
import type { Vocabulary } from "../vocabulary.ts";

/**
 * Lets a model write the last word of a text again, from behind which its answer goes on. A text that was cut comes
 * apart into other tokens than those it was made of, ` strea` where ` streaming` was one, and a model goes on badly
 * from tokens that it would not have written. So the last word is taken back and drawn anew, held to its letters:
 * tokens that begin it, and at last one that ends it or reaches beyond.
 */
export class Seam {
  readonly #vocabulary: Vocabulary;
  readonly #tokenizer: Marks;
  /** What is still to be written, in UTF-8. */
  #left: Uint8Array;

  /** Of the word in UTF-8. */
  constructor(word: Uint8Array, { vocabulary, tokenizer }: { vocabulary: Vocabulary; tokenizer: Marks }) {
    this.#left = word;
    this.#vocabulary = vocabulary;
    this.#tokenizer = tokenizer;
  }

  /** False once the word is written. */
  get isOpen(): boolean {
    return this.#left.length > 0;
  }

  /** Tokens that cannot be next; none once the word is written. */
  unfit(): number[] {
    const unfit: number[] = [];
    if (!this.isOpen) return unfit;
    const agrees = this.#vocabulary.agreesWith(this.#left);
    for (let token = 0; token < this.#vocabulary.size; token++)
      if (!agrees(token) || this.#tokenizer.isSpecial(token)) unfit.push(token);
    return unfit;
  }

  /** Takes the next token. Returns how many of its bytes are the word's; the rest is new. */
  take(token: number): number {
    const count = Math.min(this.#left.length, this.#vocabulary.bytesOf(token).length);
    this.#left = this.#left.subarray(count);
    return count;
  }
}

/** Tells marks from text. */
type Marks = Pick<Tokenizer, "isSpecial">;
