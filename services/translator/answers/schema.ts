import { z } from "zod";
import { serviceTier } from "./wire.ts";

// Shared schemas of OpenAI's answers. Types and the OpenAPI document derive from them; answers are validated
// against them only in tests.

/** A value of a schema, deeply read-only. */
export type Described<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>;

type DeepReadonly<T> = T extends readonly (infer Element)[]
  ? readonly DeepReadonly<Element>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** A non-negative integer. */
export const count = z.number().min(0).meta({ type: "integer" });

/** A point in time. */
export const unixSeconds = count.describe("Unix timestamp in seconds.");

export const anyRecord = z.record(z.string(), z.unknown());

/** The service tier of every answer. */
export const tier = z.literal(serviceTier);

/** Why an answer ended. */
export const finishReason = z.enum(["stop", "length", "tool_calls", "function_call", "content_filter"]);

/** Identifies an engine. */
export const fingerprint = z
  .string()
  .nullable()
  .describe(
    "Identifies the engine and its configuration; equal for engines that give equal answers to equal seeds.",
  );

const logprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().min(0).max(255).meta({ type: "integer" })).nullable(),
});

/** The log probability of a token, and those of others in its place. */
export const tokenLogprob = logprob.extend({ top_logprobs: z.array(logprob) });

/** The token usage of a request; the prompt counts once for all answers. */
export const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count, audio_tokens: count }),
  completion_tokens_details: z.object({
    reasoning_tokens: count,
    audio_tokens: count,
    accepted_prediction_tokens: count,
    rejected_prediction_tokens: count,
  }),
});

/** The usage in chunks of a stream. */
export const chunkUsage = usage
  .nullable()
  .optional()
  .describe(
    "Only with `stream_options.include_usage`: null, except in the last chunk, whose `choices` is empty.",
  );
