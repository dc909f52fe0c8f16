import { count, type JsonSchema, listOf, objectOf, orNull, ref, text } from "../route-description.ts";
import { fingerprint, finishReason } from "./chat.ts";

const number: JsonSchema = { type: "number" };

const choice = (reason: JsonSchema): JsonSchema =>
  objectOf({
    text,
    index: { ...count, description: "All answers to the first prompt come first, then those to the second." },
    logprobs: orNull(
      objectOf({
        text_offset: listOf(count),
        token_logprobs: listOf(number),
        tokens: listOf(text),
        top_logprobs: listOf({ type: "object", additionalProperties: number }),
      }),
    ),
    finish_reason: reason,
  });

const head = {
  id: text,
  object: { const: "text_completion" },
  created: count,
  model: text,
  system_fingerprint: fingerprint,
};

/** Schemas of legacy completions, by name. */
export const completionSchemas: Readonly<Record<string, JsonSchema>> = {
  Completion: objectOf({ ...head, choices: listOf(choice(finishReason)), usage: ref("Usage") }),
  CompletionChunk: objectOf(
    { ...head, choices: listOf(choice(orNull(finishReason))) },
    {
      usage: {
        ...orNull(ref("Usage")),
        description:
          "Only with `stream_options.include_usage`: null, but in the last chunk, which has no choices.",
      },
    },
  ),
};
