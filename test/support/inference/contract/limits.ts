import { describe, expect, test } from "vitest";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { transcribe } from "../../../../services/inference/transcript.ts";
import { never, type Subject } from "./subject.ts";

/** What ends an answer: the limit of tokens, a stop text, a context that is full. */
export function describeLimits(subject: Subject): void {
  const { prompts, ask, answer } = subject;

  describe("limits", () => {
    test.each([1, 2, 7])("at most %i tokens, and LENGTH says so", async (maxTokens) => {
      const whole = await answer(prompts[0]);
      const { reason, usage, text } = await answer(prompts[0], { limits: { maxTokens } });
      expect(reason).toBe(FinishReason.LENGTH);
      expect(usage?.completionTokens).toBe(maxTokens);
      expect(whole.text.startsWith(text)).toBe(true);
    });

    test("a stop text ends the answer and is left out, with all that follows", async () => {
      const whole = await answer(prompts[0]);
      const { text } = whole;
      // From the middle of one token to the middle of another, most likely.
      const characters = [...text];
      const stop = characters.splice(Math.floor(characters.length / 3), 5).join("");
      const stopped = await answer(prompts[0], { limits: { stop: ["not in the answer", stop] } });
      expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
      expect(stopped.reason).toBe(FinishReason.STOP);
      expect(stopped.stop).toBe(stop);
      expect(whole.stop).toBe("");
    });

    test("what only looks like the beginning of a stop text is shown in the end", async () => {
      const { text, reason } = await answer(prompts[0]);
      const held = await answer(prompts[0], { limits: { stop: [`${text.slice(-5)}\u0000`] } });
      expect([held.text, held.reason]).toEqual([text, reason]);
    });

    test("a prompt that does not fit is refused before the first delta", async () => {
      const events: string[] = [];
      const prompt = "mesh of machines ".repeat(subject.served.contextLength);
      const attempt = transcribe(subject.engine.generate(ask(prompt), never), ({ event }) =>
        events.push(event.case ?? "nothing"),
      );
      await expect(attempt).rejects.toMatchObject({
        kind: "invalid_request",
        code: "context_length_exceeded",
        param: "messages",
      });
      expect(events).not.toContain("delta");
    });
  });
}
