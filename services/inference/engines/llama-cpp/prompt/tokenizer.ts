import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { NativeModel } from "../native/native-model.ts";
import { TokenType, type Vocabulary } from "../vocabulary.ts";
import type { Sliced } from "./in-slices.ts";
import { type Mask, SpecialText } from "./special-text.ts";
import { TextShares } from "./text-shares.ts";
import { checkLeastTokens, type TokenLimit } from "./token-limit.ts";

/** Tokenizes rendered prompts. */
export class Tokenizer {
  readonly #native: Pick<NativeModel, "model" | "begin">;
  readonly #vocabulary: Vocabulary;
  readonly #special: SpecialText;
  readonly #specialIds: ReadonlySet<number>;
  readonly #shares: TextShares;
  readonly #slices: SliceSizes;
  #jointTokens: number | undefined;

  /** `marks`: all that the template and the engine write as special tokens, as one text. */
  constructor(
    native: Pick<NativeModel, "model" | "begin">,
    vocabulary: Vocabulary,
    marks: string,
    slices: SliceSizes = sliceSizes,
  ) {
    this.#slices = slices;
    this.#native = native;
    this.#vocabulary = vocabulary;
    const pieces = specialPieces(vocabulary, marks);
    this.#special = new SpecialText(pieces);
    this.#specialIds = new Set(pieces.values());
    this.#shares = new TextShares(vocabulary.texts());
  }

  createMask(): Mask {
    return this.#special.createMask();
  }

  /** The fewest tokens that a text can come to, special tokens aside. Stops counting above `enough`. */
  leastTokens(text: string, enough: number): number {
    return this.#shares.leastTokens(text, enough) * (1 - rounding);
  }

  /** Takes a rendered prompt apart: special tokens, and the text between them. */
  split(rendered: string, mask: Mask): Sliced<PromptPart[]> {
    return this.#special.split(rendered, mask);
  }

  /** The tokens of a prompt, with the model's begin token if it has one. Throws the limit's fault, early if possible. */
  *encode(parts: readonly PromptPart[], limit: TokenLimit): Sliced<number[]> {
    yield* this.#checkLeast(parts, limit);
    const ids: number[] = [];
    const { begin } = this.#native;
    for (const [index, part] of parts.entries()) {
      if (typeof part === "number") ids.push(part);
      else yield* this.#append(ids, part, typeof parts[index - 1] !== "string", limit);
      if (index % partsAtOnce === partsAtOnce - 1) yield;
    }
    return begin !== undefined && ids[0] !== begin ? [begin, ...ids] : ids;
  }

  /** The tokens of plain text, without SentencePiece's leading space. Throws the limit's fault, early if possible. */
  *encodeInput(text: string, limit: TokenLimit): Sliced<number[]> {
    yield* this.#checkLeast([text], limit);
    const ids: number[] = [];
    yield* this.#append(ids, text, false, limit);
    return ids;
  }

  /** The tokens of short plain text, without SentencePiece's leading space. */
  encodeText(text: string): number[] {
    if (text === "" || !this.#vocabulary.leadingSpace) return this.#begin(text);
    this.#jointTokens ??= this.#begin(joint).length;
    return this.#begin(joint + text).slice(this.#jointTokens);
  }

  /** The tokens of an answer's text, in which special tokens are plain text. `begins`: see `begins`. */
  *encodeAnswer(text: string, begins: boolean, limit: TokenLimit): Sliced<number[]> {
    const mask = this.createMask();
    const parts = mask.reveal(mask.hide(text));
    yield* this.#checkLeast(parts, limit);
    const ids: number[] = [];
    for (const [index, part] of parts.entries()) {
      yield* this.#append(ids, part, begins && index === 0, limit);
      if (index % partsAtOnce === partsAtOnce - 1) yield;
    }
    return ids;
  }

  /** Whether text after this token is tokenized as the beginning of a text, as after special tokens. */
  begins(token: number | undefined): boolean {
    const type = token === undefined ? undefined : this.#vocabulary.typeOf(token);
    return type === TokenType.control || type === TokenType.userDefined;
  }

  /** Long text goes to native code in slices that have the same tokens as the whole. */
  *#append(ids: number[], text: string, begins: boolean, limit: TokenLimit): Sliced<void> {
    for (let from = 0; from < text.length; ) {
      const { usual, longest } = this.#slices;
      const seam = this.#shares.seam(text, from + usual, from + longest);
      if (seam === undefined && text.length - from > longest) throw indivisible(limit, longest);
      const slice = text.slice(from, seam);
      const tokens = begins && from === 0 ? this.#begin(slice) : this.encodeText(slice);
      // In place of `push(...tokens)`: a hundred thousand arguments overflow the stack.
      for (const token of tokens) ids.push(token);
      from += slice.length;
      checkLeastTokens(ids.length, limit);
      if (slice.length >= usual) yield;
    }
  }

  /** What cannot fit is refused before it is worked on. */
  *#checkLeast(parts: readonly PromptPart[], limit: TokenLimit): Sliced<void> {
    let least = 0;
    for (const [index, part] of parts.entries()) {
      least += typeof part === "number" ? 1 : this.leastTokens(part, limit.counted);
      if (index % partsAtOnce === partsAtOnce - 1) yield;
    }
    checkLeastTokens(least, limit);
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

/** A special token, or plain text. */
export type PromptPart = number | string;

const indivisible = ({ param }: TokenLimit, longest: number): MeshError =>
  new MeshError(
    "invalid_request",
    `Invalid '${param}': more than ${longest} characters in a row without a space or a line break after a word. Divide them.`,
    { code: "invalid_value", param },
  );

/** How much text one native call gets, in UTF-16 units. */
interface SliceSizes {
  readonly usual: number;
  /** Where text cannot be divided earlier. */
  readonly longest: number;
}

/** About 5 ms, and up to 50 ms. */
const sliceSizes: SliceSizes = { usual: 16 * 1024, longest: 64 * 1024 };
/** Special tokens and look-alikes of them divide text into many parts. */
const partsAtOnce = 1024;
/** Sums of shares are not exact. */
const rounding = 1e-6;

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
