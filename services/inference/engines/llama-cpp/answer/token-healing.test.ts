import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { starterVocabulary } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { Metadata } from "../gguf/header.ts";
import { Vocabulary } from "../vocabulary.ts";
import { TokenHealing } from "./token-healing.ts";

/** A SentencePiece vocabulary: a few pieces, one mark, and all bytes. */
const sentencePieces = (): Vocabulary => {
  const pieces = [
    "\u2581stream",
    "\u2581st",
    "ream",
    "ing",
    "\u2581",
    "s",
    "é",
    "\u2581猫",
    "猫",
    "a",
    "<mark>",
  ];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).padStart(2, "0")}>`);
  const types = [...pieces.map((piece) => (piece === "<mark>" ? 4 : 1)), ...bytes.map(() => 6)];
  return new Vocabulary(
    new Metadata(
      new Map<string, string | string[] | number[]>([
        ["tokenizer.ggml.model", "llama"],
        ["tokenizer.ggml.tokens", [...pieces, ...bytes]],
        ["tokenizer.ggml.token_type", types],
      ]),
    ),
  );
};

const isMark = (vocabulary: Vocabulary) => ({
  isSpecial: (token: number) => vocabulary.pieces[token] === "<mark>",
});

describe.each([
  { name: "GPT-2", make: starterVocabulary },
  { name: "SentencePiece", make: async () => sentencePieces() },
])("with a vocabulary like $name's", ({ make }) => {
  let vocabulary: Vocabulary;

  beforeAll(async () => {
    vocabulary = await make();
  });

  test("whatever fitting tokens are drawn, they write the word, and what is new begins right behind it", () => {
    const word = fc.oneof(
      fc.constantFrom(" streaming", " strea", " 猫", " é", "s", "<mark>", " "),
      fc.string({ unit: "binary", minLength: 1, maxLength: 6 }),
    );
    fc.assert(
      fc.property(word, fc.infiniteStream(fc.nat()), (text, choices) => {
        const bytes = Buffer.from(text);
        const healing = new TokenHealing(bytes, { vocabulary, tokenizer: isMark(vocabulary) });
        const written: Uint8Array[] = [];
        let skipped = 0;
        while (healing.isOpen) {
          const excluded = new Set(healing.excluded());
          const fit = Array.from({ length: vocabulary.size }, (_, token) => token).filter(
            (token) => !excluded.has(token),
          );
          const token = fit[choices.next().value! % fit.length]!;
          expect(isMark(vocabulary).isSpecial(token)).toBe(false);
          written.push(vocabulary.bytesOf(token));
          skipped += healing.take(token);
        }
        expect(skipped).toBe(bytes.length);
        expect(Buffer.concat(written).subarray(0, skipped)).toEqual(bytes);
        expect(Buffer.concat(written.slice(0, -1)).length).toBeLessThan(bytes.length);
        expect(healing.excluded()).toEqual([]);
      }),
      { seed: 20261123, numRuns: 40 },
    );
  });

  test("no token is left out that agrees with the word", () => {
    const bytes = Buffer.from(" st");
    const excluded = new Set(
      new TokenHealing(bytes, { vocabulary, tokenizer: isMark(vocabulary) }).excluded(),
    );
    const agreeing = vocabulary.pieces.flatMap((_, token) => {
      const own = vocabulary.bytesOf(token);
      const common = Math.min(own.length, bytes.length);
      return common > 0 && bytes.subarray(0, common).equals(own.subarray(0, common)) ? [token] : [];
    });
    expect(agreeing.length).toBeGreaterThan(2);
    expect(agreeing.filter((token) => excluded.has(token))).toEqual([]);
    expect(excluded.size + agreeing.length).toBe(vocabulary.size);
  });
});
