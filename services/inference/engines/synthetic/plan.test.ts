import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type GenerationInit, generationOf } from "../../../../test/support/inference/fake-engine.ts";
import { type PlanOptions, planAnswer, positionAfter } from "./plan.ts";
import { readPrompt, tokenAt, tokenTexts } from "./text.ts";

const textOf = (options: PlanOptions): string => {
  const plan = planAnswer(options);
  return Array.from({ length: plan.tokens }, (_, index) => plan.textOf(index)).join("");
};

const base: PlanOptions = { key: 42, thoughtTokens: 0, answerTokens: 30, maxTokens: 100, stop: [] };

describe("the text", () => {
  test("depends on messages and seed alone", () => {
    const key = (content: string, seed?: bigint, id = "a") =>
      readPrompt(
        generationOf({
          id,
          messages: [{ role: 2, parts: [{ part: { case: "text", value: content } }] }],
          ...(seed === undefined ? {} : { sampling: { seed } }),
        }),
      ).key;
    expect(key("hello", 1n, "a")).toBe(key("hello", 1n, "b"));
    expect(key("hello")).toBe(key("hello", 0n));
    const keys = [key("hello"), key("hallo"), key("hello", 1n), key("hello", -1n), key("hello", 1n << 40n)];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("counts one token for each message and one for each word", () => {
    const messages: GenerationInit["messages"] = [
      { role: 1, parts: [{ part: { case: "text", value: "Be  brief.\n" } }] },
      { role: 2, parts: [{ part: { case: "text", value: " What is\ta mesh?" } }] },
    ];
    expect(readPrompt(generationOf({ messages })).tokens).toBe(2 + 2 + 4);
  });

  test("is words with spaces between, each token's text told by its id", () => {
    const words = Array.from({ length: 30 }, (_, index) => tokenTexts[tokenAt(42, index)]);
    expect(words.join("")).toBe(words.map((word) => word?.trim()).join(" "));
    expect(new Set(tokenTexts).size).toBe(tokenTexts.length);
  });
});

describe("a plan", () => {
  test.each([
    { maxTokens: 29, tokens: 29, reason: FinishReason.LENGTH },
    { maxTokens: 30, tokens: 30, reason: FinishReason.LENGTH },
    { maxTokens: 31, tokens: 30, reason: FinishReason.STOP },
  ])("of 30 tokens under a limit of $maxTokens has $tokens", ({ maxTokens, ...expected }) => {
    expect(planAnswer({ ...base, maxTokens })).toMatchObject(expected);
  });

  test("ends with any stop text as cutting the whole text there would", () => {
    const whole = textOf(base);
    fc.assert(
      fc.property(
        fc.array(
          fc
            .tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 40 }))
            .map(([from, units]) => whole.slice(from, from + units)),
          { minLength: 1, maxLength: 4 },
        ),
        (stop) => {
          const ends = stop.map((text) => whole.indexOf(text) + text.length);
          const plan = planAnswer({ ...base, stop });
          let shown = 0;
          // The token that completes the first complete stop text is the last one.
          let tokens = 0;
          while (shown < Math.min(...ends)) shown += tokenTexts[tokenAt(42, tokens++)]!.length;
          const upTo = whole.slice(0, shown);
          const starts = stop.map((text) => upTo.indexOf(text)).filter((start) => start >= 0);
          expect(textOf({ ...base, stop })).toBe(whole.slice(0, Math.min(...starts)));
          expect(plan).toMatchObject({ tokens, reason: FinishReason.STOP });
          expect(upTo.indexOf(plan.stop)).toBe(Math.min(...starts));
        },
      ),
      { seed: 20261122 },
    );
  });

  test("takes no notice of a stop text that is empty or never comes", () => {
    expect(textOf({ ...base, stop: ["", "no such words"] })).toBe(textOf(base));
  });

  test("begins with thoughts, if there are any, which no stop text ends", () => {
    const thinking = { ...base, thoughtTokens: 5, maxTokens: 35 };
    const plan = planAnswer(thinking);
    expect(plan).toMatchObject({ thoughtTokens: 5, tokens: 35, reason: FinishReason.LENGTH });
    const thoughts = Array.from({ length: 5 }, (_, index) => plan.textOf(index)).join("");
    const answer = textOf(thinking).slice(thoughts.length);
    expect([thoughts, answer]).toEqual([thoughts.trim(), answer.trim()]);
    expect(planAnswer({ ...thinking, stop: [thoughts] })).toMatchObject({ tokens: 35, stop: "" });
    const stopped = planAnswer({ ...thinking, stop: [answer.slice(0, 1)] });
    expect(stopped).toMatchObject({ thoughtTokens: 5, tokens: 6, reason: FinishReason.STOP });
    expect([stopped.textOf(4), stopped.textOf(5)]).toEqual([plan.textOf(4), ""]);
  });

  test("that is cut within its thoughts is nothing but thoughts", () => {
    expect(planAnswer({ ...base, thoughtTokens: 50, maxTokens: 10 })).toMatchObject({
      thoughtTokens: 10,
      tokens: 10,
      reason: FinishReason.LENGTH,
    });
  });
});

describe("a plan of the rest", () => {
  const options = { ...base, thoughtTokens: 4 };
  const wholePlan = planAnswer(options);
  const whole = textOf({ ...options, from: { tokens: 4, partial: "" } });
  const characters = [...whole];
  const cut = (count: number) => {
    const head = characters.slice(0, count).join("");
    return { head, from: positionAfter(head, options)! };
  };

  test("goes on from between any two characters, with the rest of a token first, and thinks no more", () => {
    for (let count = 1; count <= characters.length; count++) {
      const { head, from } = cut(count);
      const plan = planAnswer({ ...options, from });
      expect(head + textOf({ ...options, from })).toBe(whole);
      expect(plan).toMatchObject({ thoughtTokens: 0, reason: FinishReason.STOP, tokens: 34 - from.tokens });
      const ids = Array.from({ length: plan.tokens }, (_, index) => plan.idOf(index));
      expect(ids).toEqual(ids.map((_, index) => wholePlan.idOf(from.tokens + index)));
    }
  });

  test("has its own limit", () => {
    const { from } = cut(20);
    expect(planAnswer({ ...options, from, maxTokens: 3 })).toMatchObject({
      tokens: 3,
      reason: FinishReason.LENGTH,
    });
  });

  test("meets stop texts in what is new alone", () => {
    const { head, from } = cut(20);
    expect(planAnswer({ ...options, from, stop: [head.slice(2, 12)] }).stop).toBe("");
    const stop = characters.slice(24, 34).join("");
    const plan = planAnswer({ ...options, from, stop: [stop] });
    expect(plan).toMatchObject({ stop, reason: FinishReason.STOP });
    expect(textOf({ ...options, from, stop: [stop] })).toBe(characters.slice(20, 24).join(""));
  });

  test("behind the whole text has nothing left", () => {
    expect(planAnswer({ ...options, from: cut(characters.length).from })).toMatchObject({
      tokens: 0,
      reason: FinishReason.STOP,
    });
  });

  test.each([
    { text: "x", because: "it is another text" },
    { text: `${whole.slice(0, 20)}x`, because: "it leaves the answer on its way" },
    { text: `${whole} more`, because: "it is longer" },
    { text: whole.slice(1), because: "its beginning is missing" },
  ])("is none where the text is not of the answer: $because", ({ text }) => {
    expect(positionAfter(text, options)).toBeUndefined();
  });
});
