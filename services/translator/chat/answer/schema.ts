import { z } from "zod";
import {
  chunkUsage,
  count,
  fingerprint,
  finishReason,
  tier,
  tokenLogprob,
  unixSeconds,
  usage,
} from "../../answers/schema.ts";

const calledFunction = z.object({
  name: z.string(),
  arguments: z.string().describe("JSON as the model generated it, which may be invalid."),
});

/** A piece of a call: the first carries the name, all of them arguments. */
const calledPiece = z.object({ name: z.string().optional(), arguments: z.string() });

/** Log probabilities of a choice or of one chunk. */
export const logprobs = z.object({ content: z.array(tokenLogprob), refusal: z.null() });

const reasoning = {
  reasoning: z.string().optional().describe("The model's reasoning. The same as `reasoning_content`."),
  reasoning_content: z.string().optional(),
};

const choice = z.object({
  index: count,
  message: z.object({
    role: z.literal("assistant"),
    content: z.string().nullable(),
    refusal: z.null(),
    annotations: z.array(z.unknown()).max(0),
    ...reasoning,
    tool_calls: z
      .array(z.object({ id: z.string(), type: z.literal("function"), function: calledFunction }))
      .optional(),
    function_call: calledFunction.optional(),
  }),
  logprobs: logprobs.nullable(),
  finish_reason: finishReason,
});

/** The answer as one object. */
export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: unixSeconds,
  model: z.string(),
  choices: z.array(choice),
  usage,
  service_tier: tier,
  system_fingerprint: fingerprint,
});

/** One event of a stream. */
export const chatCompletionChunk = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: unixSeconds,
  model: z.string(),
  service_tier: tier,
  system_fingerprint: fingerprint,
  choices: z.array(
    z.object({
      index: count,
      delta: z.object({
        role: z.literal("assistant").optional(),
        content: z.string().optional(),
        refusal: z.null().optional(),
        ...reasoning,
        tool_calls: z
          .array(
            z.object({
              index: count,
              id: z.string().optional(),
              type: z.literal("function").optional(),
              function: calledPiece,
            }),
          )
          .optional(),
        function_call: calledPiece.optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: chunkUsage,
});
