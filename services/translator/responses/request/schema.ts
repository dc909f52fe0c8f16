import { z } from "zod";
import { bounds, mostStops, repetitionPenaltyAbove } from "../../../../core/generation/bounds.ts";
import {
  anyObject,
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
} from "../../chat/request/vocabulary.ts";

/** A tool of any type; which types can be honoured `tools.ts` says. */
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

const format = z.discriminatedUnion(
  "type",
  [
    object({ type: z.literal("text") }),
    object({ type: z.literal("json_object") }),
    object({
      type: z.literal("json_schema"),
      name: text,
      description: optional(text),
      schema: anyObject,
      strict: optional(flag),
    }),
  ],
  { error: "an object" },
);

const summary = word("auto", "concise", "detailed");

/**
 * The body of a request, but for its items, which `parse-items.ts` checks one by one. The order of the keys is the
 * order in which faults are reported. Unknown keys are ignored.
 */
export const responseRequestSchema = object({
  model: text,
  input: optional(
    z.union([text, arrayOf(anyObject, "objects")], { error: "one of a string or array of objects" }),
  ),
  instructions: optional(text),
  previous_response_id: optional(nonEmptyText),
  tools: optional(arrayOf(tool, "objects").max(128)),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(flag),
  text: optional(object({ format: optional(format), verbosity: optional(word("low", "medium", "high")) })),
  reasoning: optional(
    object({
      effort: optional(word("none", "minimal", "low", "medium", "high", "xhigh", "max")),
      summary: optional(summary),
      // Older name of `summary`.
      generate_summary: optional(summary),
      context: optional(word("auto", "current_turn", "all_turns")),
      mode: optional(text),
    }),
  ),
  max_output_tokens: optional(integer(1)),
  temperature: optional(decimal(...bounds.temperature)),
  top_p: optional(decimal(...bounds.topP)),
  top_logprobs: optional(integer(...bounds.topLogprobs)),
  truncation: optional(word("auto", "disabled")),
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
  ),
  store: optional(flag),
  stream: optional(flag),
  stream_options: optional(object({ include_obfuscation: optional(flag) })),
  background: optional(flag),
  metadata: optional(z.record(z.string().max(64), text.max(512), { error: "an object" })),

  // Hints of OpenAI's.
  max_tool_calls: optional(integer(1)),
  service_tier: optional(word("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
  user: optional(text),
  safety_identifier: optional(text),
  prompt_cache_key: optional(text),
  prompt_cache_retention: optional(text),
  prompt_cache_options: optional(object({ prewarm: optional(flag) })),

  // Extensions of open servers, and parameters of chat completions that keep their meaning here.
  top_k: optional(integer(-1)),
  min_p: optional(decimal(...bounds.minP)),
  repetition_penalty: optional(decimalAbove(repetitionPenaltyAbove)),
  presence_penalty: optional(decimal(...bounds.presencePenalty)),
  frequency_penalty: optional(decimal(...bounds.frequencyPenalty)),
  seed: optional(integer(...bounds.seed)),
  stop: optional(
    z.union([nonEmptyText, arrayOf(nonEmptyText, "strings").max(mostStops)], {
      error: "one of a string or array of strings",
    }),
  ),
  chat_template_kwargs: optional(anyObject),
});

/** A request whose every field but its items has its type. */
export type ResponseRequestBody = z.output<typeof responseRequestSchema>;
