import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { never, starterPath, withModel } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { tinyModel } from "../../../../../test/support/inference/llama-cpp/tiny-model.ts";
import { type LoadedModel, loadModel } from "../load-model.ts";
import { atOnce } from "./in-slices.ts";
import { contextLimit } from "./token-limit.ts";
import { Tokenizer } from "./tokenizer.ts";

const enough = contextLimit(10_000_000, "messages");
const inOne = { usual: 10_000_000, longest: 10_000_000 };
/** Divides text wherever it can be divided. */
const inMany = { usual: 1, longest: 10_000_000 };

const words = [
  ..."Hello world don't I'LL naïve straße 猫が好き 你好，世界。 Привет e\u0301 a\u200db 😀 🇩🇪 42 3.14 1,000 007 x2 2x".split(
    " ",
  ),
  ...'camelCase HTTPServer aB Ba snake_case a.b() {"k":1} <|im_end|> <|im </s> aaaaaaaaaaaaaaaaaaaaaaaa qZxJvK='.split(
    " ",
  ),
];
const spaces = [" ", "  ", "    ", "\n", "\n\n", " \n", "\t", "\r\n", "", "", "\u00a0"];
const texts = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(...words), fc.string({ unit: "grapheme", maxLength: 6 })),
      fc.constantFrom(...spaces),
    ),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.flat().join(""));

/** Models with the two kinds of vocabularies. */
const models = [
  { kind: "gpt2", load: (use: (model: LoadedModel) => void) => withLoaded(starterPath, use) },
  {
    kind: "llama",
    load: (use: (model: LoadedModel) => void) =>
      withModel(
        tinyModel("{{ messages[0].content }}", [
          ["\u2581Hello", 1],
          ["\u2581world", 1],
          ["o\u2581w", 1],
          ["2\u2581", 1],
          ["\u2581\u2581", 1],
          ["aa", 1],
          ["aB", 1],
          ["é", 1],
        ]),
        (path) => withLoaded(path, use),
      ),
  },
];

async function withLoaded(modelPath: string, use: (model: LoadedModel) => void): Promise<void> {
  const model = await loadModel({ modelPath, slots: 1, contextSize: 256 }, never);
  try {
    use(model);
  } finally {
    await model.native.close();
  }
}

const tokenizerOf = ({ native, vocabulary }: LoadedModel, slices: typeof inOne) =>
  new Tokenizer(native, vocabulary, "", slices);

describe.each(models)("with a vocabulary of the kind $kind", ({ load }) => {
  test("text in slices has the tokens of the whole", () =>
    load((model) => {
      const whole = tokenizerOf(model, inOne);
      const sliced = tokenizerOf(model, inMany);
      let slices = 0;
      fc.assert(
        fc.property(texts, (text) => {
          for (const encode of ["encodeInput", "encodeRaw"] as const) {
            const run = (tokenizer: Tokenizer) =>
              encode === "encodeInput"
                ? tokenizer.encodeInput(text, enough)
                : tokenizer.encode(atOnce(tokenizer.split(text, tokenizer.createMask())), enough);
            const work = run(sliced);
            let step = work.next();
            for (; step.done !== true; step = work.next()) slices++;
            expect(step.value).toEqual(atOnce(run(whole)));
          }
        }),
        { numRuns: 2000, seed: 20261128 },
      );
      // Otherwise it would be shown of nothing.
      expect(slices).toBeGreaterThan(5000);
    }));

  test("the fewest tokens that a text can come to are never more than it comes to", () =>
    load((model) => {
      const tokenizer = tokenizerOf(model, inOne);
      const pieces = [...model.vocabulary.texts()].map((bytes) => Buffer.from(bytes).toString());
      const longest = pieces.toSorted((a, b) => b.length - a.length).slice(0, 50);
      const repeated = fc
        .tuple(fc.constantFrom(...longest), fc.integer({ min: 1, max: 40 }))
        .map(([piece, count]) => piece.repeat(count));
      fc.assert(
        fc.property(fc.oneof(texts, repeated, fc.string({ unit: "binary" })), (text) => {
          const least = tokenizer.leastTokens(text, Number.POSITIVE_INFINITY);
          expect(least).toBeLessThanOrEqual(atOnce(tokenizer.encodeInput(text, enough)).length);
          if (text !== "") expect(least).toBeGreaterThan(0);
        }),
        { numRuns: 1000, seed: 20261128 },
      );
    }));
});

describe("a text of megabytes", () => {
  const limit = contextLimit(2048, "messages");
  const refusal = { kind: "invalid_request", code: "context_length_exceeded", param: "messages" };
  const withStarter = (use: (model: LoadedModel) => void) => withLoaded(starterPath, use);

  test("is refused before it is tokenized when it cannot fit", () =>
    withStarter(({ vocabulary }) => {
      const native = {
        begin: undefined,
        model: { tokenize: () => expect.unreachable() } as unknown as LoadedModel["native"]["model"],
      };
      const tokenizer = new Tokenizer(native, vocabulary, "");
      for (const text of ["hello ", "a", " ", "<", "猫", "\ufdd0"])
        expect(() => atOnce(tokenizer.encodeInput(text.repeat(1_000_000), limit))).toThrow(
          expect.objectContaining(refusal),
        );
    }));

  test("is tokenized up to the limit only", () =>
    withStarter(({ native, vocabulary }) => {
      let units = 0;
      const tokenize = (text: string, special: boolean) => {
        units += text.length;
        return native.model.tokenize(text, special);
      };
      const counting = { begin: undefined, model: { tokenize } as unknown as typeof native.model };
      const tokenizer = new Tokenizer(counting, vocabulary, "", { usual: 1000, longest: 2000 });
      const text = "x y z ".repeat(24_000);
      expect(tokenizer.leastTokens(text, Number.POSITIVE_INFINITY)).toBeLessThan(8 * limit.most);
      expect(() => atOnce(tokenizer.encodeInput(text, limit))).toThrow(expect.objectContaining(refusal));
      expect(units).toBeLessThan(80_000);
    }));

  test("is refused when nothing divides it", () =>
    withStarter(({ native, vocabulary }) => {
      const tokenizer = new Tokenizer(native, vocabulary, "", { usual: 1000, longest: 2000 });
      expect(() => atOnce(tokenizer.encodeInput("a".repeat(2001), enough))).toThrow(
        "Invalid 'messages': more than 2000 characters in a row without a space or a line break after a word.",
      );
      expect(atOnce(tokenizer.encodeInput("a".repeat(2000), enough))).toEqual(
        Array.from(native.model.tokenize("a".repeat(2000), false)),
      );
    }));
});
