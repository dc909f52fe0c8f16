import { z } from "zod";
import { bounds, mostStops, repetitionPenaltyAbove } from "../../../../core/generation/bounds.ts";
import { message } from "./message-schema.ts";
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
} from "./vocabulary.ts";

/** The most answers to one request. Each is a generation of its own, so this multiplies a caller's load. */
export const mostChoices = 8;

const functionDefinition = object({
  name: text,
  description: optional(text),
  parameters: optional(anyObject),
  strict: optional(flag),
});

const tool = object({ type: z.literal("function"), function: functionDefinition });

const namedFunction = object({ type: z.literal("function"), function: object({ name: text }) });

const toolChoice = z.union(
  [
    word("none", "auto", "required"),
    z.discriminatedUnion("type", [
      namedFunction,
      object({
        type: z.literal("allowed_tools"),
        allowed_tools: object({ mode: word("auto", "required"), tools: arrayOf(namedFunction, "objects") }),
      }),
    ]),
  ],
  { error: "one of a string or an object" },
);

const responseFormat = z.discriminatedUnion(
  "type",
  [
    object({ type: z.literal("text") }),
    // A schema beside `json_object` is an extension of llama.cpp and others.
    object({ type: z.literal("json_object"), schema: optional(anyObject) }),
    object({
      type: z.literal("json_schema"),
      json_schema: object({
        name: text,
        description: optional(text),
        schema: anyObject,
        strict: optional(flag),
      }),
    }),
  ],
  { error: "an object" },
);

const effort = word("none", "minimal", "low", "medium", "high", "xhigh", "max");

/**
 * The body of a chat completion request. The order of the keys is the order in which faults are reported: only
 * the first one is, as OpenAI's own service does. Unknown keys are ignored.
 *
 * Three kinds of parameters: those that are honoured; hints without effect here, whose types are checked all the
 * same; and those that nobody can honour, which `refusals.ts` refuses by name.
 */
export const chatRequestSchema = object({
  model: text,
  messages: arrayOf(message, "objects").min(1),
  // Legacy form of tools.
  functions: optional(arrayOf(functionDefinition, "objects").min(1).max(128)),
  function_call: optional(
    z.union([word("none", "auto"), object({ name: text })], { error: "one of a string or an object" }),
  ),
  tools: optional(arrayOf(tool, "objects").min(1).max(128)),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(flag),
  // -1, by which some servers mean no limit, is refused: who wants none leaves both out.
  max_completion_tokens: optional(integer(1)),
  max_tokens: optional(integer(1)),
  n: optional(integer(1, mostChoices)),
  temperature: optional(decimal(...bounds.temperature)),
  top_p: optional(decimal(...bounds.topP)),
  presence_penalty: optional(decimal(...bounds.presencePenalty)),
  frequency_penalty: optional(decimal(...bounds.frequencyPenalty)),
  logprobs: optional(flag),
  top_logprobs: optional(integer(...bounds.topLogprobs)),
  logit_bias: optional(z.record(z.string(), decimal(...bounds.logitBias), { error: "an object" })),
  user: optional(text),
  seed: optional(integer(...bounds.seed)),
  stop: optional(
    z.union([nonEmptyText, arrayOf(nonEmptyText, "strings").max(mostStops)], {
      error: "one of a string or array of strings",
    }),
  ),
  stream: optional(flag),
  stream_options: optional(object({ include_usage: optional(flag), include_obfuscation: optional(flag) })),
  response_format: optional(responseFormat),
  reasoning_effort: optional(effort),
  modalities: optional(arrayOf(word("text", "audio"), "strings")),

  // Hints of OpenAI's.
  verbosity: optional(word("low", "medium", "high")),
  service_tier: optional(word("auto", "default", "flex", "scale", "priority", "fast")),
  store: optional(flag),
  metadata: optional(z.record(z.string().max(64), text.max(512), { error: "an object" })),
  safety_identifier: optional(text),
  prompt_cache_key: optional(text),
  prompt_cache_retention: optional(text),
  prompt_cache_options: optional(anyObject),
  prediction: optional(anyObject),

  // Extensions of open servers.
  top_k: optional(integer(-1)),
  min_p: optional(decimal(...bounds.minP)),
  repetition_penalty: optional(decimalAbove(repetitionPenaltyAbove)),
  chat_template_kwargs: optional(anyObject),
  include_reasoning: optional(flag),
  continue_final_message: optional(flag),
  add_generation_prompt: optional(flag),
  reasoning: optional(object({ effort: optional(effort), enabled: optional(flag), exclude: optional(flag) })),
  think: optional(z.union([flag, word("low", "medium", "high")], { error: "one of a boolean or a string" })),
  format: optional(z.union([z.literal("json"), anyObject], { error: "one of 'json' or an object" })),
});

/** A request whose every field has its type. */
export type ChatRequestBody = z.output<typeof chatRequestSchema>;
