import { z } from "zod";
import type { TokenChoice, TokenLogprob, Usage } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { chunkUsage, count, fingerprint, finishReason, unixSeconds, usage } from "../answers/schema.ts";
import { type AnswerHead, toFingerprint, toLogprob, toUsage } from "../answers/wire.ts";
import type { CompletionRequest } from "./request.ts";

/** Log probabilities in the legacy form: parallel lists, one element per token. */
export const legacyLogprobs = z.object({
  text_offset: z.array(count),
  token_logprobs: z.array(z.number()),
  tokens: z.array(z.string()),
  top_logprobs: z
    .array(z.record(z.string(), z.number()))
    .describe("The most likely tokens at each position, always including the sampled one."),
});

const choice = z.object({
  text: z.string(),
  index: count.describe("The choices of the first prompt come first, then those of the second."),
  logprobs: legacyLogprobs.nullable(),
  finish_reason: finishReason,
});

/** The answer as one object. */
export const completion = z.object({
  id: z.string(),
  object: z.literal("text_completion"),
  created: unixSeconds,
  model: z.string(),
  system_fingerprint: fingerprint,
  choices: z.array(choice),
  usage,
});

/** One event of a stream. */
export const completionChunk = completion.extend({
  choices: z.array(choice.extend({ finish_reason: finishReason.nullable() })),
  usage: chunkUsage,
});

/** The head of completions and chunks; their `object` is the same, too. */
export const toHead = ({ id, created, model }: AnswerHead, fingerprint: string) => ({
  id,
  object: "text_completion" as const,
  created,
  model,
  system_fingerprint: toFingerprint(fingerprint),
});

/** The text before a choice: its prompt with `echo`, else empty. */
export const echoOf = ({ echoes, choices }: CompletionRequest, index: number): string =>
  echoes[Math.floor(index / choices)]!;

/** The usage of a request: each prompt once, the completions of all answers. */
export function toTotalUsage(
  answers: readonly { readonly usage: Usage | undefined }[],
  choices: number,
): ReturnType<typeof toUsage> {
  const usages = answers.map(({ usage }) => usage);
  const firsts = usages.filter((_, index) => index % choices === 0);
  const sum = (count: (usage: Usage) => number) =>
    firsts.reduce((total, usage) => total + (usage === undefined ? 0 : count(usage)), 0);
  const [first, ...rest] = usages;
  if (first === undefined) return toUsage(usages);
  const prompts = {
    promptTokens: sum((usage) => usage.promptTokens),
    cachedTokens: sum((usage) => usage.cachedTokens),
  };
  return toUsage([{ ...first, ...prompts }, ...rest]);
}

type LegacyLogprobs = z.output<typeof legacyLogprobs>;

/** Converts log probabilities of one answer, piece by piece, and tracks the offset of each token. */
export class LogprobsWriter {
  #offset = 0;
  #decoder = new TextDecoder();

  write(logprobs: readonly TokenLogprob[]): LegacyLogprobs {
    const legacy: LegacyLogprobs = { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] };
    for (const { token, top } of logprobs) {
      const { logprob } = toLogprob(token);
      legacy.text_offset.push(this.#offset);
      legacy.tokens.push(toName(token));
      legacy.token_logprobs.push(logprob);
      legacy.top_logprobs.push(
        Object.fromEntries([
          ...top.map((choice) => [toName(choice), toLogprob(choice).logprob]),
          [toName(token), logprob],
        ]),
      );
      for (const _ of this.#decoder.decode(token?.bytes, { stream: true })) this.#offset++;
    }
    return legacy;
  }
}

/** Tokens that are not valid text are named by their bytes, as OpenAI does. */
function toName(token: TokenChoice | undefined): string {
  const { text = "", bytes = new Uint8Array() } = token ?? {};
  if (!text.includes("\ufffd")) return text;
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}
