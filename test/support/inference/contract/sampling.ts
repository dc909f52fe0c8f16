import { describe, expect, test } from "vitest";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Transcript } from "../../../../services/inference/transcript.ts";
import type { GenerationInit } from "../fake-engine.ts";
import type { Subject } from "./subject.ts";

/** What engines may claim about the tokens themselves: seeds, continuing elsewhere, log probabilities. */
export function describeSampling(subject: Subject): void {
  const { abilities, prompts, answer } = subject;

  describe.runIf(abilities.seed)("a seed", () => {
    const drawn = (seed: bigint) => answer(prompts[0], { sampling: { temperature: 1, seed } });

    test("gives the same answer again", async () => {
      const [first, second] = await Promise.all([
        drawn(7n),
        subject.served.slots > 1 ? drawn(7n) : undefined,
      ]);
      expect((second ?? (await drawn(7n))).text).toBe(first.text);
      expect((await drawn(7n)).tokenIds).toEqual(first.tokenIds);
    });

    test("of another value gives another, negative and huge ones too", async () => {
      const texts = new Set<string>();
      for (const seed of [1n, 2n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) texts.add((await drawn(seed)).text);
      expect(texts.size).toBeGreaterThan(1);
    });
  });

  describe.runIf(abilities.resume === Capabilities_Resume.TOKENS)("an answer begun elsewhere", () => {
    const { seed = false } = abilities;
    const options: GenerationInit = seed ? { sampling: { temperature: 0.8, seed: 3n } } : {};

    test("goes on from its token ids, exactly, and counts them", async () => {
      const whole = await answer(prompts[0], options);
      for (const cut of [0, 1, 5, whole.tokenIds.length - 1]) {
        const head = headOf(whole, cut);
        const rest = await answer(prompts[0], {
          ...options,
          resume: { ...head, fingerprint: subject.served.fingerprint },
        });
        expect([head.text + rest.text, [...head.tokenIds, ...rest.tokenIds]]).toEqual([
          whole.text,
          whole.tokenIds,
        ]);
        expect([rest.reason, rest.usage?.completionTokens]).toEqual([
          whole.reason,
          whole.usage?.completionTokens,
        ]);
      }
    });

    test("that is complete already finishes at once", async () => {
      const whole = await answer(prompts[0], options);
      const rest = await answer(prompts[0], {
        ...options,
        resume: { tokenIds: [...whole.tokenIds], text: whole.text },
      });
      expect([rest.text, rest.tokenIds, rest.reason]).toEqual(["", [], whole.reason]);
      expect(rest.usage?.completionTokens).toBe(whole.usage?.completionTokens);
    });

    test("meets a stop text across the seam", async () => {
      const whole = await answer(prompts[0]);
      const head = headOf(whole, 5);
      const stop = head.text.slice(-2) + whole.text.slice(head.text.length, head.text.length + 2);
      const limits = { stop: [stop] };
      const stopped = await answer(prompts[0], { limits });
      // Only what the unbroken run had shown by then can have been delivered.
      const delivered = headOf(stopped, head.tokenIds.length);
      const rest = await answer(prompts[0], { limits, resume: delivered });
      expect([delivered.text + rest.text, rest.reason]).toEqual([stopped.text, stopped.reason]);
    });
  });

  describe.runIf(abilities.logprobs)("log probabilities", () => {
    test.each([0, 3])("come one for each token, with %i alternatives, best first", async (top) => {
      const { logprobs, tokenIds, text, usage } = await answer(prompts[0], { logprobs: { top } });
      // An engine that is behind HTTP may not know the ids; then it knows the number.
      expect(logprobs).toHaveLength(tokenIds.length || usage!.completionTokens);
      const bytes = Buffer.concat(logprobs.map(({ token }) => token!.bytes));
      expect(bytes.toString("utf8")).toBe(text);
      for (const { token, top: alternatives } of logprobs) {
        expect(token?.logprob).toBeLessThanOrEqual(0);
        expect(alternatives).toHaveLength(top);
        const values = alternatives.map(({ logprob }) => logprob);
        expect(values).toEqual(values.toSorted((a, b) => b - a));
        if (top > 0) expect(token?.logprob).toBeCloseTo(values[0]!, 3);
      }
    });
  });
}

/** The part of an answer that its first tokens make, as a resume point. */
function headOf({ deltas }: Transcript, tokens: number): { tokenIds: number[]; text: string } {
  const tokenIds: number[] = [];
  let text = "";
  for (const delta of deltas) {
    if (tokenIds.length + delta.tokenIds.length > tokens) break;
    tokenIds.push(...delta.tokenIds);
    text += delta.text;
  }
  return { tokenIds, text };
}
