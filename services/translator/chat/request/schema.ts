import { z } from "zod";
import { bounds, mostMessages } from "../../../../core/generation/bounds.ts";
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

/** Types only; `messages.ts` checks which parts a role may have. */
const part = byType(
  object({ type: z.literal("text"), text }),
  object({
    type: z.literal("image_url"),
    image_url: z.union([text, object({ url: text, detail: optional(word("auto", "low", "high")) })], {
      error: "one of a string or an object",
    }),
  }),
  object({ type: z.literal("refusal"), refusal: text }),
);

export type ContentPart = z.output<typeof part>;

const calledFunction = object({ name: nonEmptyText, arguments: text });

const toolCall = object({
  id: nonEmptyText,
  type: optional(z.literal("function")),
  function: calledFunction,
});

const message = object({
  role: word("system", "assistant", "user", "function", "tool", "developer"),
  content: optional(textOr(part)),
  name: optional(text),
  tool_calls: optional(arrayOf(toolCall, "objects")),
  tool_call_id: optional(text),
  // Legacy form of tool_calls.
  function_call: optional(calledFunction),
  refusal: optional(text),
  audio: optional(anyObject),
  // Two names for the same: OpenRouter, Ollama and newer vLLM; DeepSeek, SGLang and llama.cpp.
  reasoning: optional(text),
  reasoning_content: optional(text),
});

export type ChatMessage = z.output<typeof message>;

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

const responseFormat = byType(
  object({ type: z.literal("text") }),
  // A schema with `json_object` is an extension of llama.cpp and others.
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
);

/**
 * The body of a chat completion request. Faults are reported in the order of the keys, and only the first one, as
 * OpenAI does. Unknown keys are ignored.
 *
 * Parameters are supported, ignored (only their types are checked), or rejected by name in `index.ts`.
 */
export const chatRequestSchema = object({
  model,
  messages: arrayOf(message, "objects")
    .min(1)
    .max(mostMessages)
    .describe("The conversation so far, oldest message first."),
  functions: optional(arrayOf(functionDefinition, "objects").min(1).max(128)).describe(
    "Deprecated in favor of `tools`. Functions that the model may call.",
  ),
  function_call: optional(
    z.union([word("none", "auto"), object({ name: text })], { error: "one of a string or an object" }),
  ).describe("Deprecated in favor of `tool_choice`. Controls which function the model calls."),
  tools: optional(arrayOf(tool, "objects").min(1).max(128)).describe(descriptions.tools),
  tool_choice: optional(toolChoice).describe(descriptions.toolChoice),
  parallel_tool_calls: optional(flag).describe(descriptions.parallelToolCalls),
  // -1, which means no limit on some servers, is rejected.
  max_completion_tokens: optional(integer(1)).describe(
    "Upper bound for the number of tokens generated for a completion, reasoning tokens included.",
  ),
  max_tokens: optional(integer(1)).describe(
    "Deprecated in favor of `max_completion_tokens`, which takes precedence.",
  ),
  n: shared.choices,
  temperature: shared.temperature,
  top_p: shared.topP,
  ...shared.penalties,
  logprobs: optional(flag).describe("Whether to return the log probabilities of the output tokens."),
  top_logprobs: optional(integer(...bounds.topLogprobs)).describe(
    "How many of the most likely tokens to return at each position, with their log probabilities. Requires `logprobs: true`.",
  ),
  logit_bias: shared.logitBias,
  user: ignored(text),
  seed: shared.seed,
  stop: shared.stop,
  ...shared.streaming,
  response_format: optional(responseFormat).describe(descriptions.outputFormat),
  reasoning_effort: optional(shared.effort).describe("How much a reasoning model reasons before it answers."),
  modalities: optional(arrayOf(word("text", "audio"), "strings")).describe(
    "Output types to generate. Only text is supported.",
  ),

  // Without effect here.
  verbosity: ignored(word("low", "medium", "high")),
  service_tier: ignored(word("auto", "default", "flex", "scale", "priority", "fast")),
  store: ignored(flag),
  metadata: ignored(metadata),
  safety_identifier: ignored(text),
  prompt_cache_key: ignored(text),
  prompt_cache_retention: ignored(text),
  prompt_cache_options: ignored(anyObject),
  prediction: ignored(anyObject),

  // Extensions of open servers.
  ...shared.openSampling,
  chat_template_kwargs: optional(anyObject).describe(descriptions.chatTemplate),
  include_reasoning: optional(flag).describe("Whether to return the model's reasoning."),
  continue_final_message: optional(flag).describe(
    "Continues the last message, which must be the assistant's, instead of starting a new one. `add_generation_prompt` must not be true.",
  ),
  add_generation_prompt: optional(flag).describe(
    "May only be false together with `continue_final_message: true`.",
  ),
  reasoning: optional(
    object({ effort: optional(shared.effort), enabled: optional(flag), exclude: optional(flag) }),
  ).describe("OpenRouter's form of `reasoning_effort` and `include_reasoning`."),
  think: optional(
    z.union([flag, word("low", "medium", "high")], { error: "one of a boolean or a string" }),
  ).describe("Ollama's form of `reasoning_effort`."),
  format: optional(z.union([z.literal("json"), anyObject], { error: "one of 'json' or an object" })).describe(
    "Ollama's form of `response_format`.",
  ),
});

/** A body whose types are valid. */
export type ChatRequestBody = z.output<typeof chatRequestSchema>;
