import { describe, expect, test } from "vitest";
import type { GenerationInit } from "../fake-engine.ts";
import type { Subject } from "./subject.ts";

/** What engines do that turn text into vectors. */
export function describeEmbeddings(subject: Subject): void {
  const { abilities, prompts, answer } = subject;

  /** The chat form of a question asks for no vectors, so the suite's own message goes. */
  const embed = (...texts: string[]) =>
    answer("", { messages: [], embedding: { inputs: texts.map(toInput) } });

  describe.runIf(abilities.embeddings === true)("embeddings", () => {
    test("come one for each input, in order, all of one size and of length 1", async () => {
      const { order, embeddings, usage } = await embed(...prompts);
      expect(order.filter((kind) => kind !== "delta")).toEqual([
        "started",
        ...prompts.map(() => "embedded"),
        "finished",
      ]);
      expect(embeddings.map(({ index }) => index)).toEqual(prompts.map((_, index) => index));
      for (const { values } of embeddings) {
        expect(values).toHaveLength(embeddings[0]!.values.length);
        expect(Math.hypot(...values)).toBeCloseTo(1, 4);
      }
      expect(usage?.promptTokens).toBeGreaterThanOrEqual(prompts.length);
      expect(usage?.completionTokens).toBe(0);
    });

    test("depend on the input alone, not on its neighbours or on what came before", async () => {
      const [alone] = (await embed(prompts[1])).embeddings;
      const [, beside] = (await embed(prompts[0], prompts[1])).embeddings;
      for (const [index, value] of alone!.values.entries())
        expect(beside!.values[index]).toBeCloseTo(value, 4);
      expect(beside!.values).not.toEqual((await embed(prompts[0])).embeddings[0]!.values);
    });

    test("are computed beside answers, and harm none", async () => {
      const text = (await answer(prompts[0])).text;
      const [answered, { embeddings }] = await Promise.all([answer(prompts[0]), embed(...prompts)]);
      expect(answered.text).toBe(text);
      expect(embeddings).toHaveLength(prompts.length);
    });

    test("of an input that does not fit are refused by its own name", async () => {
      await expect(embed("mesh of machines ".repeat(subject.served.contextLength))).rejects.toMatchObject({
        kind: "invalid_request",
        code: "context_length_exceeded",
        param: "input",
      });
    });
  });
}

const toInput = (value: string): NonNullable<NonNullable<GenerationInit["embedding"]>["inputs"]>[number] => ({
  prompt: { case: "text", value },
});
