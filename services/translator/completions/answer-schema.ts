import { z } from "zod";
import { chunkUsage, count, fingerprint, finishReason, unixSeconds, usage } from "../answers/schema.ts";

/** Log probabilities in the legacy form: a list for each thing that is known of a token. */
export const legacyLogprobs = z.object({
  text_offset: z.array(count),
  token_logprobs: z.array(z.number()),
  tokens: z.array(z.string()),
  top_logprobs: z
    .array(z.record(z.string(), z.number()))
    .describe("The most likely tokens at each position, the one that was drawn always among them."),
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

/** One message of a stream. */
export const completionChunk = completion.extend({
  choices: z.array(choice.extend({ finish_reason: finishReason.nullable() })),
  usage: chunkUsage,
});
