import type { LlamaModel } from "node-llama-cpp";
import { TokenType, type Vocabulary } from "../vocabulary.ts";
import { type Mask, SpecialText } from "./special-text.ts";

/** Turns rendered prompts into tokens. */
export class Tokenizer {
  readonly #model: LlamaModel;
  readonly #vocabulary: Vocabulary;
  readonly #special: SpecialText;

  /** `marks`: everything that the template and the engine itself write as special tokens, as one text. */
  constructor(model: LlamaModel, vocabulary: Vocabulary, marks: string) {
    this.#model = model;
    this.#vocabulary = vocabulary;
    this.#special = new SpecialText(specialPieces(vocabulary, marks));
  }

  /** A fresh mask for the texts that callers wrote. */
  createMask(): Mask {
    return this.#special.createMask();
  }

  /** The tokens of a rendered prompt, with the token that begins every text where the model wants one. */
  encode(rendered: string, mask: Mask): number[] {
    const ids: number[] = [];
    let previous: number | string | undefined;
    for (const part of this.#special.split(rendered, mask)) {
      if (typeof part === "number") ids.push(part);
      // SentencePiece would put a space before a text that only goes on.
      else
        ids.push(
          ...this.#model.tokenize(part, false, typeof previous === "string" ? "trimLeadingSpace" : undefined),
        );
      previous = part;
    }
    const { bos, shouldPrependBosToken } = this.#model.tokens;
    if (shouldPrependBosToken && bos !== null && ids[0] !== bos) ids.unshift(bos);
    return ids;
  }

  /** The tokens of a text as it stands. */
  encodeText(text: string): number[] {
    return text === "" ? [] : this.#model.tokenize(text, false, "trimLeadingSpace");
  }

  /** Whether this is the id of a token. */
  knows(id: number): boolean {
    return id < this.#vocabulary.size;
  }

  /** Whether a token ends the model's turn. */
  isEnd(token: number): boolean {
    return this.#model.isEogToken(token as never);
  }

  /** Control tokens that do not end the turn; nothing that a grammar asks for is written with them. */
  controlTokens(): number[] {
    return this.#vocabulary.ofType(TokenType.control).filter((token) => !this.isEnd(token));
  }
}

/**
 * All control tokens, and the user-defined ones among the marks. Other user-defined tokens, such as runs of
 * spaces, are ordinary text that happens to have a token.
 */
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
