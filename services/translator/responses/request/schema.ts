import { z } from "zod";
import { bounds } from "../../../../core/generation/bounds.ts";
import * as shared from "../../requests/sampling.ts";
import {
  anyObject,
  arrayOf,
  byType,
  descriptions,
  flag,
  ignored,
  integer,
  metadata,
  model,
  nonEmptyText,
  object,
  optional,
  text,
  textOr,
  word,
} from "../../requests/vocabulary.ts";

/** Any tool; `tools.ts` checks the type. */
const tool = object({
  type: text,
  name: optional(text),
  description: optional(text),
  parameters: optional(anyObject),
  strict: optional(flag),
  defer_loading: optional(flag),
  async: optional(flag),
});

const toolChoice = z.union(
  [
    word("none", "auto", "required"),
    object({
      type: text,
      name: optional(text),
      mode: optional(word("auto", "required")),
      tools: optional(arrayOf(object({ type: text, name: optional(text) }), "objects")),
    }),
  ],
  { error: "one of a string or an object" },
);

const format = byType(
  object({ type: z.literal("text") }),
  object({ type: z.literal("json_object") }),
  object({
    type: z.literal("json_schema"),
    name: text,
    description: optional(text),
    schema: anyObject,
    strict: optional(flag),
  }),
);

const summary = word("auto", "concise", "detailed");

/**
 * The body of a request; `parse-items.ts` validates the items. Faults are reported in the order of the keys, and only
 * the first one. Unknown keys are ignored.
 */
export const responseRequestSchema = object({
  model,
  input: optional(textOr(anyObject)).describe(
    "A text, or a list of input items. Required unless `previous_response_id` is given.",
  ),
  instructions: optional(text).describe(
    "A system message in front of the conversation. Not carried over to responses that continue this one.",
  ),
  previous_response_id: optional(nonEmptyText).describe(
    "The ID of a stored response of the same user, whose conversation this one continues.",
  ),
  tools: optional(arrayOf(tool, "objects").max(128)).describe(descriptions.tools),
  tool_choice: optional(toolChoice).describe(descriptions.toolChoice),
  parallel_tool_calls: optional(flag).describe(descriptions.parallelToolCalls),
  text: optional(
    object({ format: optional(format), verbosity: optional(word("low", "medium", "high")) }),
  ).describe(descriptions.outputFormat),
  reasoning: optional(
    object({
      effort: optional(shared.effort),
      summary: optional(summary),
      // Older name of `summary`.
      generate_summary: optional(summary),
      context: optional(word("auto", "current_turn", "all_turns")),
      mode: optional(text),
    }),
  ).describe("How much a reasoning model reasons, and whether its reasoning is returned as a summary."),
  max_output_tokens: optional(integer(1)).describe(
    "Upper bound for the number of tokens generated for a response, reasoning tokens included.",
  ),
  temperature: shared.temperature,
  top_p: shared.topP,
  top_logprobs: optional(integer(...bounds.topLogprobs)).describe(
    "How many of the most likely tokens to return at each position, with their log probabilities.",
  ),
  truncation: optional(word("auto", "disabled")).meta({
    description:
      "With `auto`, the oldest turns of a conversation that exceeds the model's context window are dropped.",
    default: "disabled",
  }),
  include: optional(
    arrayOf(
      word(
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
      ),
      "strings",
    ),
  ).describe("Additional output to include in the response."),
  store: optional(flag).meta({
    description: "Whether to store the response, so that it can be retrieved and continued.",
    default: true,
  }),
  stream: shared.streaming.stream,
  stream_options: optional(object({ include_obfuscation: optional(flag) })).describe(
    shared.streaming.stream_options.description!,
  ),
  background: optional(flag).describe("Background responses are not supported: must be false or absent."),
  metadata: optional(metadata).describe("Key-value pairs that are returned with the response."),

  // Without effect here.
  max_tool_calls: ignored(integer(1)),
  service_tier: ignored(word("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
  user: ignored(text),
  safety_identifier: ignored(text),
  prompt_cache_key: ignored(text),
  prompt_cache_retention: ignored(text),
  prompt_cache_options: ignored(object({ prewarm: optional(flag) })),

  // Extensions of open servers, and parameters of chat completions that keep their meaning here.
  ...shared.openSampling,
  ...shared.penalties,
  seed: shared.seed,
  stop: shared.stop,
  chat_template_kwargs: optional(anyObject).describe(descriptions.chatTemplate),
});

/** A body whose types, except the items', are valid. */
export type ResponseRequestBody = z.output<typeof responseRequestSchema>;
