import { Ajv } from "ajv";
import { beforeAll, describe, expect, test } from "vitest";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Transcript } from "../../../../services/inference/transcript.ts";
import type { GenerationInit } from "../fake-engine.ts";
import type { Subject } from "./subject.ts";

/**
 * What engines do that go on from a text, without token ids. A text that is cut need not come apart into the tokens
 * that it was made of, so one seam proves little: of many, most must go on as the unbroken answer does, and none
 * may begin it anew. Inside a word, or behind a space, only an engine that knows its tokens can put them right.
 */
export function describeResumeText(subject: Subject): void {
  const { abilities, prompts, answer } = subject;
  const fromTokens = abilities.resume === Capabilities_Resume.TOKENS;

  /** The prompts' answers, cut at three places each and gone on with. */
  const cutAndGoOn = async (cutsOf: CutsOf, initOf: InitOf = () => ({})): Promise<Seam[]> => {
    const seams: Seam[] = [];
    for (const prompt of prompts) {
      const { text: whole, toolCalls } = await answer(prompt, initOf(prompt));
      if (toolCalls.length > 0) continue;
      for (const cut of threeOf(cutsOf(whole).filter((at) => isTelling(whole, at)))) {
        const head = whole.slice(0, cut);
        seams.push({
          whole,
          head,
          rest: await answer(prompt, { ...initOf(prompt), resume: { text: head } }),
        });
      }
    }
    expect(seams.length, "too few places to cut at").toBeGreaterThanOrEqual(3);
    return seams;
  };

  describe.runIf(fromTokens || abilities.resume === Capabilities_Resume.TEXT)("an answer's text", () => {
    test("is gone on from behind the end of a word, as the unbroken answer goes on", async () => {
      const seams = await cutAndGoOn(wordEnds);
      for (const seam of seams) expectLawful(seam);
      expectAgreement(seams, 2 / 3);
    });

    test("is gone on from in the middle of a word", async () => {
      const seams = await cutAndGoOn(wordMiddles);
      for (const seam of seams) expectLawful(seam);
      if (fromTokens) expectAgreement(seams, 2 / 3);
    });

    test("is gone on from behind a space", async () => {
      const seams = await cutAndGoOn((text) => wordEnds(text).map((at) => at + 1));
      for (const seam of seams) expectLawful(seam);
      if (fromTokens) expectAgreement(seams, 2 / 3);
    });

    test("may be gone on from with tools at hand", async ({ skip }) => {
      skip(abilities.tools !== true, "It cannot call tools.");
      const tools = [{ name: "get_weather", description: "Tells the weather.", parametersJson: "{}" }];
      const seams = await cutAndGoOn(wordEnds, () => ({ tools }));
      for (const seam of seams) expectLawful(seam);
      expectAgreement(seams, 2 / 3);
    });

    test("may go on a raw prompt of text", async ({ skip }) => {
      skip(abilities.rawPrompt !== true, "It takes no raw prompts.");
      const seams = await cutAndGoOn(wordEnds, (value) => ({
        messages: [],
        rawPrompt: { prompt: { case: "text", value } },
      }));
      for (const seam of seams) expectLawful(seam);
      expectAgreement(seams, 2 / 3);
    });

    describe("counted", () => {
      let whole: Transcript;
      let heads: [string, string];

      beforeAll(async () => {
        whole = await answer(prompts[0]);
        const ends = wordEnds(whole.text);
        heads = [2, 1].map((part) =>
          whole.text.slice(0, ends[Math.floor(ends.length / 2 / part)]),
        ) as typeof heads;
      });

      test("is part of the prompt; what is new is the answer", async () => {
        const told = [whole];
        for (const text of heads) {
          const rest = await answer(prompts[0], { resume: { text }, limits: { maxTokens: 5 } });
          expect([rest.reason, rest.usage?.completionTokens]).toEqual([FinishReason.LENGTH, 5]);
          if (rest.tokenIds.length > 0) expect(rest.tokenIds).toHaveLength(5);
          expect(rest.usage?.promptTokens).toBeGreaterThan(told.at(-1)!.usage!.promptTokens);
          told.push(rest);
        }
      });

      test("leaves room for a single token", async () => {
        const rest = await answer(prompts[0], { resume: { text: heads[1] }, limits: { maxTokens: 1 } });
        expect([rest.reason, rest.usage?.completionTokens]).toEqual([FinishReason.LENGTH, 1]);
      });
    });

    test("is gone on from up to a stop text", async () => {
      const [{ head, rest }] = (await cutAndGoOn(wordEnds)) as [Seam];
      const characters = [...rest.text];
      const stop = characters.splice(Math.floor(characters.length / 3), 5).join("");
      const stopped = await answer(prompts[0], {
        resume: { text: head },
        limits: { stop: ["not in the answer", stop] },
      });
      expect(stopped.text).toBe(rest.text.slice(0, rest.text.indexOf(stop)));
      expect([stopped.reason, stopped.stop]).toEqual([FinishReason.STOP, stop]);
    });

    test("that is complete ends soon, and nothing begins anew", async () => {
      const limits = { maxTokens: 400 };
      const answers: Transcript[] = [];
      for (const prompt of prompts) answers.push(await answer(prompt, { limits }));
      const index = answers.findIndex(({ reason, text }) => reason === FinishReason.STOP && text !== "");
      expect(index, "no answer came to its end").toBeGreaterThanOrEqual(0);
      const { text: whole } = answers[index]!;
      const rest = await answer(prompts[index]!, { resume: { text: whole } });
      expect([FinishReason.STOP, FinishReason.LENGTH]).toContain(rest.reason);
      expect(rest.usage?.completionTokens).toBeLessThanOrEqual(24);
      expectLawful({ whole, head: whole, rest });
    });

    test("of a JSON answer is gone on from to the end of its form, wherever it was cut", async ({ skip }) => {
      skip(!fromTokens || abilities.jsonSchema !== true, "It goes on from free text alone.");
      const init: GenerationInit = {
        outputFormat: { format: { case: "jsonSchema", value: { name: "review", schemaJson, strict: true } } },
        limits: { maxTokens: 200 },
      };
      const { text: whole } = await answer("Review the film.", init);
      const validate = new Ajv().compile(JSON.parse(schemaJson));
      for (let cut = 1; cut < whole.length; cut += 2) {
        const head = whole.slice(0, cut);
        const rest = await answer("Review the film.", { ...init, resume: { text: head } });
        expect(rest.reason, head).toBe(FinishReason.STOP);
        expect(validate(JSON.parse(head + rest.text)), `${head}|${rest.text}`).toBe(true);
      }
    });
  });
}

/** An answer that was cut, and how it went on. */
interface Seam {
  readonly whole: string;
  readonly head: string;
  readonly rest: Transcript;
}

/** Places in a text at which it may be cut, in order. */
type CutsOf = (text: string) => number[];
/** What is asked about a prompt beside it. */
type InitOf = (prompt: string) => GenerationInit;

/** So much of the rest is held against the unbroken answer: more would show how models differ, not engines. */
const sameCharacters = 8;
/** What begins with so much of the answer has begun it anew. */
const beginningCharacters = 12;

const wordEnds: CutsOf = (text) => [...text.matchAll(/\S(?=\s)/g)].map(({ index }) => index + 1);

const wordMiddles: CutsOf = (text) =>
  [...text.matchAll(/(?<![a-z])[a-z]{5,}/gi)].map(({ index, 0: word }) => index + (word.length >> 1));

/** Whether a seam there tells anything: the answer has gone on for a while, and does so in another way than it began. */
const isTelling = (whole: string, cut: number): boolean =>
  cut >= beginningCharacters && cut + sameCharacters <= whole.length && !isAnew(whole, whole.slice(cut));

const isAnew = (whole: string, rest: string): boolean =>
  rest.trimStart().startsWith(whole.trimStart().slice(0, beginningCharacters));

/** The first, the middle and the last. */
const threeOf = (cuts: readonly number[]): number[] => [
  ...new Set([...cuts.slice(0, 1), ...cuts.slice(cuts.length >> 1).slice(0, 1), ...cuts.slice(-1)]),
];

/** What holds at every seam. */
function expectLawful({ whole, head, rest }: Seam): void {
  const seam = `${head}|${rest.text}`;
  expect(isAnew(whole, rest.text), seam).toBe(false);
  expect(
    rest.deltas.every(({ text }) => text.isWellFormed()),
    seam,
  ).toBe(true);
  expect([rest.reasoning, rest.toolCalls], seam).toEqual(["", []]);
  expect([FinishReason.STOP, FinishReason.LENGTH], seam).toContain(rest.reason);
}

/** At so many seams at least, as a share of all, the rest begins as the unbroken answer goes on. */
function expectAgreement(seams: readonly Seam[], share: number): void {
  const agrees = ({ whole, head, rest }: Seam) =>
    rest.text.startsWith(whole.slice(head.length, head.length + sameCharacters));
  const others = seams.filter((seam) => !agrees(seam)).map(({ head, rest }) => `${head}|${rest.text}`);
  expect(others.length, others.join("\n")).toBeLessThanOrEqual(seams.length * (1 - share));
}

const schemaJson = JSON.stringify({
  type: "object",
  properties: {
    verdict: { enum: ["yes", "no"] },
    stars: { type: "integer", minimum: 1, maximum: 5 },
    tags: { type: "array", items: { enum: ["a", "b"] }, minItems: 1, maxItems: 2 },
  },
  required: ["verdict", "stars", "tags"],
  additionalProperties: false,
});
