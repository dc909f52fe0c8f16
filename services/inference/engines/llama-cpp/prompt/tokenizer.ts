import type { NativeModel } from "../native/native-model.ts";
import { TokenType, type Vocabulary } from "../vocabulary.ts";
import { type Mask, SpecialText } from "./special-text.ts";

/** Tokenizes rendered prompts. */
export class Tokenizer {
  readonly #native: NativeModel;
  readonly #vocabulary: Vocabulary;
  readonly #special: SpecialText;
  readonly #specialIds: ReadonlySet<number>;
  #jointTokens: number | undefined;

  /** `marks`: all that the template and the engine write as special tokens, as one text. */
  constructor(native: NativeModel, vocabulary: Vocabulary, marks: string) {
    this.#native = native;
    this.#vocabulary = vocabulary;
    const pieces = specialPieces(vocabulary, marks);
    this.#special = new SpecialText(pieces);
    this.#specialIds = new Set(pieces.values());
  }

  createMask(): Mask {
    return this.#special.createMask();
  }

  /** The tokens of a rendered prompt, with the model's begin token if it has one. */
  encode(rendered: string, mask: Mask): number[] {
    const ids: number[] = [];
    let previous: number | string | undefined;
    for (const part of this.#special.split(rendered, mask)) {
      if (typeof part === "number") ids.push(part);
      else ids.push(...(typeof previous === "string" ? this.encodeText(part) : this.#begin(part)));
      previous = part;
    }
    const { begin } = this.#native;
    if (begin !== undefined && ids[0] !== begin) ids.unshift(begin);
    return ids;
  }

  /** The tokens of plain text, without SentencePiece's leading space. */
  encodeText(text: string): number[] {
    if (text === "" || !this.#vocabulary.leadingSpace) return this.#begin(text);
    this.#jointTokens ??= this.#begin(joint).length;
    return this.#begin(joint + text).slice(this.#jointTokens);
  }

  /** The tokens of an answer's text, in which special tokens are plain text. `begins`: see `begins`. */
  encodeAnswer(text: string, begins: boolean): number[] {
    const mask = this.createMask();
    return mask
      .reveal(mask.hide(text))
      .flatMap((part, index) => (begins && index === 0 ? this.#begin(part) : this.encodeText(part)));
  }

  /** Whether text after this token is tokenized as the beginning of a text, as after special tokens. */
  begins(token: number | undefined): boolean {
    const type = token === undefined ? undefined : this.#vocabulary.typeOf(token);
    return type === TokenType.control || type === TokenType.userDefined;
  }

  #begin(text: string): number[] {
    return text === "" ? [] : Array.from(this.#native.model.tokenize(text, false));
  }

  knows(id: number): boolean {
    return id < this.#vocabulary.size;
  }

  /** Whether a token is special, so that no caller's text contains it. */
  isSpecial(token: number): boolean {
    return this.#specialIds.has(token);
  }
}

/** Merges with no other character, so it does not affect the tokens after it. */
const joint = "\u0001";

/** All control tokens, and the user-defined ones among the marks. Others, such as runs of spaces, are plain text. */
function specialPieces(vocabulary: Vocabulary, marks: string): Map<string, number> {
  const pieces = new Map<string, number>();
  for (const token of vocabulary.ofType(TokenType.userDefined)) {
    const piece = vocabulary.pieces[token]!;
    if (marks.includes(piece) && piece.trim() !== "") pieces.set(piece, token);
  }
  for (const token of vocabulary.ofType(TokenType.control)) pieces.set(vocabulary.pieces[token]!, token);
  pieces.delete("");
  return pieces;
}
