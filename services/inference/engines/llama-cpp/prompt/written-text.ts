import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The text that an answer goes on behind, as part of its prompt. */
export interface WrittenText {
  /** All of its tokens. */
  readonly tokens: readonly number[];
  /** Those of them that the model reads as they are: all but the last word's. */
  readonly kept: readonly number[];
  /** The last word, with the space before it, in UTF-8: the model writes it once more (`answer/seam.ts`). */
  readonly lastWord: Uint8Array;
}

/** The text that an answer goes on behind; empty where the answer begins, or goes on from tokens. */
export const writtenTextOf = ({ resume }: Generation): string =>
  resume === undefined || resume.tokenIds.length > 0 ? "" : resume.text;

/** What tells how a model reads a text. */
export interface TextParts {
  readonly tokenizer: Tokenizer;
  readonly vocabulary: Vocabulary;
  readonly contextLength: number;
}

/**
 * Makes a text ready that stands behind the tokens of what was asked, and takes its last word off where that can be.
 * `held`: a grammar holds it to a form, which no space of SentencePiece's begins.
 */
export function toWrittenText(
  text: string,
  asked: readonly number[],
  held: boolean,
  model: TextParts,
): WrittenText {
  const begins = !held && model.tokenizer.begins(asked.at(-1));
  const tokens = text === "" ? [] : model.tokenizer.encodeAnswer(text, begins);
  const bytes = tokens.map((token) => model.vocabulary.bytesOf(token));
  const kept = lastWordAt(bytes);
  const lastWord = Buffer.concat(bytes.slice(kept));
  // Letters that the vocabulary does not know cannot be written again; and each byte of a word may take a token.
  const isKnown = Buffer.concat(bytes).toString().endsWith(text);
  const fits = asked.length + tokens.length + lastWord.length < model.contextLength;
  if (isKnown && fits) return { tokens, kept: tokens.slice(0, kept), lastWord };
  return { tokens, kept: tokens, lastWord: new Uint8Array(0) };
}

/** The token with which the last word begins; text without spaces is cut at a character in the middle. */
function lastWordAt(tokens: readonly Uint8Array[]): number {
  let length = 0;
  for (let index = tokens.length - 1; index > 0; index--) {
    const [first = 0] = tokens[index]!;
    length += tokens[index]!.length;
    const isCharacter = (first & 0xc0) !== 0x80;
    if (isCharacter && (first <= 0x20 || length >= longWordBytes)) return index;
  }
  return 0;
}

const longWordBytes = 48;
