import { z } from "zod";
import { bounds, mostStops, repetitionPenaltyAbove } from "../../../core/generation/bounds.ts";
import { mostChoices } from "../chat/request/schema.ts";
import {
  arrayOf,
  decimal,
  decimalAbove,
  flag,
  integer,
  nonEmptyText,
  object,
  optional,
  text,
  word,
} from "../chat/request/vocabulary.ts";

/** The most prompts in one request. Each is a generation of its own, or `n` of them. */
export const mostPrompts = 16;

const tokenId = integer(...bounds.tokenId);

const prompt = z.union(
  [
    nonEmptyText,
    arrayOf(nonEmptyText, "strings").min(1).max(mostPrompts),
    arrayOf(tokenId, "integers").min(1),
    arrayOf(arrayOf(tokenId, "integers").min(1), "arrays").min(1).max(mostPrompts),
  ],
  { error: "one of a string, array of strings, array of integers, or array of integer arrays" },
);

/**
 * The body of a legacy completion request. The order of the keys is the order in which faults are reported: only
 * the first one is. Unknown keys are ignored; those that nobody can honour `request.ts` refuses by name.
 */
export const completionRequestSchema = object({
  model: text,
  prompt,
  suffix: optional(text),
  max_tokens: optional(integer(1)),
  n: optional(integer(1, mostChoices)),
  best_of: optional(integer(1, 20)),
  temperature: optional(decimal(...bounds.temperature)),
  top_p: optional(decimal(...bounds.topP)),
  presence_penalty: optional(decimal(...bounds.presencePenalty)),
  frequency_penalty: optional(decimal(...bounds.frequencyPenalty)),
  logprobs: optional(integer(0, 5)),
  echo: optional(flag),
  logit_bias: optional(z.record(z.string(), decimal(...bounds.logitBias), { error: "an object" })),
  seed: optional(integer(...bounds.seed)),
  stop: optional(
    z.union([nonEmptyText, arrayOf(nonEmptyText, "strings").max(mostStops)], {
      error: "one of a string or array of strings",
    }),
  ),
  stream: optional(flag),
  stream_options: optional(object({ include_usage: optional(flag), include_obfuscation: optional(flag) })),

  // Hints without effect here.
  user: optional(text),
  service_tier: optional(word("auto", "default", "flex", "scale", "priority", "fast")),

  // Extensions of open servers.
  top_k: optional(integer(-1)),
  min_p: optional(decimal(...bounds.minP)),
  repetition_penalty: optional(decimalAbove(repetitionPenaltyAbove)),
});

/** A request whose every field has its type. */
export type CompletionRequestBody = z.output<typeof completionRequestSchema>;
