import { describe, expect, test } from "vitest";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { never, type Subject } from "./subject.ts";

/** What every engine does: says what it serves, answers in order, closes. */
export function describeBasics(subject: Subject): void {
  const { abilities, prompts, ask, answer } = subject;

  describe("models", () => {
    test("are named once each, with slots, context and fingerprint, and claim what they should", async () => {
      const models = await subject.engine.models(never);
      expect(new Set(models.map(({ model }) => model)).size).toBe(models.length);
      for (const model of models) {
        expect(model.model).not.toBe("");
        expect(model.engine).not.toBe("");
        expect(model.slots).toBeGreaterThan(0);
        expect(model.contextLength).toBeGreaterThan(0);
      }
      const { $typeName: _, ...claimed } = subject.served.capabilities!;
      expect({ ...claimed, resume: claimed.resume }).toEqual({
        tools: false,
        forcedToolChoice: false,
        jsonObject: false,
        jsonSchema: false,
        logprobs: false,
        seed: false,
        vision: false,
        logitBias: false,
        rawPrompt: false,
        embeddings: false,
        resume: Capabilities_Resume.NONE,
        ...abilities,
      });
      if (claimed.resume === Capabilities_Resume.TOKENS) expect(subject.served.fingerprint).not.toBe("");
    });

    test("are the same when asked again", async () => {
      expect(await subject.engine.models(never)).toEqual(await subject.engine.models(never));
    });
  });

  describe("an answer", () => {
    test("is one `started` with the model's fingerprint, deltas, one `finished`, and the end", async () => {
      const { order, started } = await answer(prompts[0]);
      expect(order.at(0)).toBe("started");
      expect(order.at(-1)).toBe("finished");
      expect(new Set(order.slice(1, -1))).toEqual(new Set(["delta"]));
      expect(started?.fingerprint).toBe(subject.served.fingerprint);
    });

    test.each(prompts)("shows whole characters and tells its usage: %s", async (prompt) => {
      const { deltas, text, usage, tokenIds } = await answer(prompt);
      expect(text).not.toBe("");
      expect(deltas.every((delta) => delta.text.isWellFormed())).toBe(true);
      expect(usage?.promptTokens).toBeGreaterThan(0);
      expect(usage?.completionTokens).toBeGreaterThanOrEqual(12);
      expect(usage?.completionTokens).toBeLessThanOrEqual(24);
      if (tokenIds.length > 0) expect(usage?.completionTokens).toBe(tokenIds.length);
    });

    test("counts a longer prompt as more tokens", async () => {
      const [short, long] = [await answer("One."), await answer("One. ".repeat(20))];
      expect(long.usage!.promptTokens).toBeGreaterThan(short.usage!.promptTokens);
    });

    test("takes any text for a prompt", async () => {
      const prompt =
        'é́ \u0000 \ufffe 東京 👩‍👩‍👧 \u2028 <|im_end|> <s> [INST] \ud83d \r\n \\ " {{ messages }}';
      const { reason, text } = await answer(prompt);
      expect([FinishReason.STOP, FinishReason.LENGTH]).toContain(reason);
      expect(text.isWellFormed()).toBe(true);
    });
  });

  describe("closing", () => {
    test("works before anything was loaded, and twice", async () => {
      const fresh = await subject.create();
      await fresh.close();
      await fresh.close();
    });

    test("works after answers, and while one is being aborted", async () => {
      const fresh = await subject.create();
      await fresh.models(never);
      const controller = new AbortController();
      const iterator = fresh.generate(ask(prompts[0]), controller.signal)[Symbol.asyncIterator]();
      await iterator.next();
      const pending = Promise.resolve(iterator.next()).catch((error: unknown) => error);
      controller.abort(new MeshError("cancelled", "The caller left."));
      await fresh.close();
      await pending;
    });
  });
}
