import { z } from "zod";
import { bounds } from "../../../core/generation/bounds.ts";
import * as shared from "../requests/sampling.ts";
import {
  arrayOf,
  flag,
  ignored,
  integer,
  model,
  nonEmptyText,
  object,
  optional,
  text,
  word,
} from "../requests/vocabulary.ts";

/** The most prompts in one request. Each is a generation of its own, or `n` of them. */
export const maxPrompts = 16;

/** OpenAI's default, which is short. */
export const defaultMaxTokens = 16;

const tokenId = integer(...bounds.tokenId);

const prompt = z.union(
  [
    nonEmptyText,
    arrayOf(nonEmptyText, "strings").min(1).max(maxPrompts),
    arrayOf(tokenId, "integers").min(1),
    arrayOf(arrayOf(tokenId, "integers").min(1), "arrays").min(1).max(maxPrompts),
  ],
  { error: "one of a string, array of strings, array of integers, or array of integer arrays" },
);

/**
 * The body of a legacy completion request. Faults are reported in the order of the keys, and only the first one.
 * Unknown keys are ignored; `request.ts` rejects unsupported ones.
 */
export const completionRequestSchema = object({
  model,
  prompt: prompt.describe(
    "The prompt to complete: a string, an array of strings, an array of tokens, or an array of token arrays.",
  ),
  suffix: optional(text).describe("Inserting text before a suffix is not supported: must be empty."),
  max_tokens: optional(integer(1)).meta({
    description: "The maximum number of tokens that can be generated in the completion.",
    default: defaultMaxTokens,
  }),
  n: shared.choices,
  best_of: optional(integer(1, 20)).describe("Must equal `n` or be absent."),
  temperature: shared.temperature,
  top_p: shared.topP,
  ...shared.penalties,
  logprobs: optional(integer(0, 5)).describe(
    "Returns the log probabilities of the output tokens, and of this many of the most likely tokens at each position.",
  ),
  echo: optional(flag).meta({
    description: "If true, the prompt is returned in front of the completion.",
    default: false,
  }),
  logit_bias: shared.logitBias,
  seed: shared.seed,
  stop: shared.stop,
  ...shared.streaming,

  // Without effect here.
  user: ignored(text),
  service_tier: ignored(word("auto", "default", "flex", "scale", "priority", "fast")),

  // Extensions of open servers.
  ...shared.openSampling,
});

/** A body whose types are valid. */
export type CompletionRequestBody = z.output<typeof completionRequestSchema>;
