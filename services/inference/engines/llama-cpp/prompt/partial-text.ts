import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { LoadedModel } from "../load-model.ts";

/** The text that an answer continues, as part of its prompt. */
export interface PartialText {
  readonly tokens: readonly number[];
  /** The tokens that the model reads: all but the last word's. */
  readonly kept: readonly number[];
  /** The last word in UTF-8, with the space before it; the model regenerates it (`TokenHealing`). */
  readonly lastWord: Uint8Array;
}

/** The text that an answer continues; empty where it starts, or resumes from tokens. */
export const partialTextOf = ({ resume }: Generation): string =>
  resume === undefined || resume.tokenIds.length > 0 ? "" : resume.text;

/** Tokenizes a text after the prompt, and drops its last word where possible. `constrained`: by a grammar. */
export function toPartialText(
  text: string,
  asked: readonly number[],
  constrained: boolean,
  model: Pick<LoadedModel, "tokenizer" | "vocabulary" | "contextLength">,
): PartialText {
  const begins = !constrained && model.tokenizer.begins(asked.at(-1));
  const tokens = text === "" ? [] : model.tokenizer.encodeAnswer(text, begins);
  const bytes = tokens.map((token) => model.vocabulary.bytesOf(token));
  const kept = lastWordAt(bytes);
  const lastWord = Buffer.concat(bytes.slice(kept));
  // Unknown characters cannot be regenerated; and each byte of a word may take a token.
  const isKnown = Buffer.concat(bytes).toString().endsWith(text);
  const fits = asked.length + tokens.length + lastWord.length < model.contextLength;
  if (isKnown && fits) return { tokens, kept: tokens.slice(0, kept), lastWord };
  return { tokens, kept: tokens, lastWord: new Uint8Array(0) };
}

/** Index of the token that starts the last word; text without spaces is split at a character. */
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
