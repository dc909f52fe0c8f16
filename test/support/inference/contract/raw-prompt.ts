import { describe, expect, test } from "vitest";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { GenerationInit } from "../fake-engine.ts";
import type { Subject } from "./subject.ts";

/** What engines do that go on from a prompt as it stands. */
export function describeRawPrompt(subject: Subject): void {
  const { abilities, prompts, answer, takesTokenIds = true } = subject;

  /** The chat form of a question asks for no raw prompt, so the suite's own message goes. */
  const goOnFrom = (prompt: NonNullable<GenerationInit["rawPrompt"]>["prompt"], init?: GenerationInit) =>
    answer("", { messages: [], rawPrompt: { prompt: prompt! }, ...init });

  describe.runIf(abilities.rawPrompt === true)("a raw prompt", () => {
    test("reaches the model as it stands, without a chat template around it", async () => {
      const raw = await goOnFrom({ case: "text", value: prompts[0] });
      const asked = await answer(prompts[0]);
      expect(raw.order.slice(-1)).toEqual(["finished"]);
      expect(raw.usage!.promptTokens).toBeGreaterThan(0);
      expect(raw.usage!.promptTokens).toBeLessThan(asked.usage!.promptTokens);
    });

    test.runIf(takesTokenIds)(
      "may be the model's own tokens: each counts once, and the same ones go on in the same way",
      async () => {
        // An engine that is behind HTTP may not know the ids of its answers; any model has these.
        const told = (await answer(prompts[0])).tokenIds;
        const ids = told.length > 0 ? [...told] : [70, 71, 72, 73, 74, 75];
        const tokens = { case: "tokens" as const, value: { ids } };
        const first = await goOnFrom(tokens);
        expect(first.usage?.promptTokens).toBe(ids.length);
        expect((await goOnFrom(tokens)).text).toBe(first.text);
      },
    );

    test.runIf(abilities.resume === Capabilities_Resume.TOKENS)(
      "is gone on from elsewhere, exactly, after tokens that another engine has delivered",
      async () => {
        const { tokenIds: ids } = await answer(prompts[0]);
        const prompt = { case: "tokens" as const, value: { ids: ids.slice(0, 6) } };
        const whole = await goOnFrom(prompt);
        const { tokenIds, text } = whole.deltas.find((delta) => delta.text !== "")!;
        expect(whole.tokenIds.length).toBeGreaterThan(tokenIds.length);
        const rest = await goOnFrom(prompt, { resume: { tokenIds: [...tokenIds], text } });
        expect([text + rest.text, [...tokenIds, ...rest.tokenIds]]).toEqual([whole.text, whole.tokenIds]);
      },
    );

    test.runIf(!takesTokenIds)("of token ids is refused by its own name", async () => {
      const attempt = goOnFrom({ case: "tokens", value: { ids: [70, 71, 72] } });
      await expect(attempt).rejects.toMatchObject({ kind: "invalid_request", param: "prompt" });
    });

    test("that does not fit is refused by its own name", async () => {
      const value = "mesh of machines ".repeat(subject.served.contextLength);
      await expect(goOnFrom({ case: "text", value })).rejects.toMatchObject({
        kind: "invalid_request",
        code: "context_length_exceeded",
        param: "prompt",
      });
    });
  });
}
