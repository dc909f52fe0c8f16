import type { Tokenizer } from "../prompt/tokenizer.ts";
import type { Vocabulary } from "../vocabulary.ts";

/**
 * Token healing: the model draws the last word of a continued text again, constrained to its bytes, because
 * it continues badly from tokens that it would not have chosen, such as ` strea` of ` streaming`.
 */
export class TokenHealing {
  readonly #vocabulary: Vocabulary;
  readonly #tokenizer: Pick<Tokenizer, "isSpecial">;
  /** What is still to be regenerated, in UTF-8. */
  #left: Uint8Array;

  constructor(
    word: Uint8Array,
    model: { readonly vocabulary: Vocabulary; readonly tokenizer: Pick<Tokenizer, "isSpecial"> },
  ) {
    this.#left = word;
    this.#vocabulary = model.vocabulary;
    this.#tokenizer = model.tokenizer;
  }

  get isOpen(): boolean {
    return this.#left.length > 0;
  }

  /** Tokens that must not be next. */
  excluded(): number[] {
    const excluded: number[] = [];
    if (!this.isOpen) return excluded;
    const agrees = this.#vocabulary.agreesWith(this.#left);
    for (let token = 0; token < this.#vocabulary.size; token++)
      if (!agrees(token) || this.#tokenizer.isSpecial(token)) excluded.push(token);
    return excluded;
  }

  /** Takes the next token. Returns how many of its bytes belong to the word; the others are new. */
  take(token: number): number {
    const count = Math.min(this.#left.length, this.#vocabulary.bytesOf(token).length);
    this.#left = this.#left.subarray(count);
    return count;
  }
}
