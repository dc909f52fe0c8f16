import { z } from "zod";
import { longest, mostMessages, mostStops } from "../../../../core/generation/bounds.ts";
import * as shared from "../../requests/sampling.ts";
import {
  anyObject,
  arrayOf,
  byType,
  decimal,
  descriptions,
  flag,
  ignored,
  integer,
  model,
  nonEmptyText,
  object,
  optional,
  text,
  textOr,
  word,
} from "../../requests/vocabulary.ts";

/** A caching hint; prompts are cached here in any case. */
const cacheControl = object({ type: z.literal("ephemeral") });

const textBlock = object({
  type: z.literal("text"),
  text,
  cache_control: optional(cacheControl),
  citations: optional(arrayOf(anyObject, "objects")),
});

const imageBlock = object({
  type: z.literal("image"),
  source: byType(
    object({ type: z.literal("base64"), media_type: text, data: nonEmptyText }),
    object({ type: z.literal("url"), url: text }),
  ),
  cache_control: optional(cacheControl),
});

const toolResultBlock = object({
  type: z.literal("tool_result"),
  tool_use_id: nonEmptyText,
  content: optional(textOr(byType(textBlock, imageBlock))),
  is_error: optional(flag),
  cache_control: optional(cacheControl),
});

const toolUseBlock = object({
  type: z.literal("tool_use"),
  id: nonEmptyText,
  name: nonEmptyText,
  input: anyObject,
  cache_control: optional(cacheControl),
  // Sent back with answers; ignored.
  caller: optional(anyObject),
});

const thinkingBlock = object({ type: z.literal("thinking"), thinking: text, signature: optional(text) });

/** Types only; `messages.ts` checks which blocks a role may use. */
const block = byType(textBlock, imageBlock, toolUseBlock, toolResultBlock, thinkingBlock);

export type ContentBlock = z.output<typeof block>;
export type ToolResultBlock = z.output<typeof toolResultBlock>;
export type ImageBlock = z.output<typeof imageBlock>;

const message = object({
  role: word("user", "assistant", "system"),
  content: textOr(block),
});

export type AnthropicMessage = z.output<typeof message>;

/** Tools of Anthropic's servers have a type and no schema; `index.ts` rejects them by name. */
const tool = object({
  type: optional(text),
  name: text,
  description: optional(text),
  input_schema: optional(anyObject),
  strict: optional(flag),
  cache_control: optional(cacheControl),
  eager_input_streaming: optional(flag),
  defer_loading: optional(flag),
  allowed_callers: optional(arrayOf(text, "strings")),
  input_examples: optional(arrayOf(anyObject, "objects")),
});

const parallel = { disable_parallel_tool_use: optional(flag) };

const toolChoice = byType(
  object({ type: z.literal("auto"), ...parallel }),
  object({ type: z.literal("any"), ...parallel }),
  object({ type: z.literal("tool"), name: nonEmptyText, ...parallel }),
  object({ type: z.literal("none") }),
);

const display = optional(word("summarized", "omitted"));

const thinking = byType(
  object({ type: z.literal("enabled"), budget_tokens: integer(1024), display }),
  object({ type: z.literal("adaptive"), display }),
  object({ type: z.literal("disabled") }),
);

const unsupported = z.null().optional().describe("Not supported: must be null or absent.");

/**
 * The body of a request for a message. Faults are reported in the order of the keys, and only the first one. Unknown
 * keys are rejected, as Anthropic does.
 */
export const messagesRequestSchema = z.strictObject(
  {
    model: nonEmptyText.max(longest.model).describe(model.description!),
    messages: arrayOf(message, "objects")
      .min(1)
      .max(mostMessages)
      .describe("The conversation so far, oldest turn first."),
    max_tokens: integer(1).describe("The maximum number of tokens to generate, thinking included."),
    system: optional(textOr(textBlock)).describe(
      "System prompt: instructions that precede the conversation.",
    ),
    temperature: optional(decimal(0, 1)).meta(shared.temperature.meta()!),
    top_p: shared.topP,
    top_k: optional(integer(0)).describe(
      "Only this many of the most likely tokens are considered. 0 turns the limit off.",
    ),
    stop_sequences: optional(arrayOf(shared.stopText, "strings").max(mostStops)).describe(
      shared.stop.description!,
    ),
    stream: shared.streaming.stream,
    tools: optional(arrayOf(tool, "objects").max(128)).describe(descriptions.tools),
    tool_choice: optional(toolChoice).describe(descriptions.toolChoice),
    thinking: optional(thinking).describe("Whether and how much a reasoning model thinks before it answers."),
    output_config: optional(
      object({
        effort: optional(word("low", "medium", "high", "xhigh", "max")),
        format: optional(object({ type: z.literal("json_schema"), schema: anyObject })),
      }),
    ).describe("How much effort the model spends, and a JSON schema for its output."),

    // Without effect here.
    metadata: ignored(object({ user_id: optional(text.max(512)) })),
    service_tier: ignored(word("auto", "standard_only")),
    cache_control: ignored(cacheControl),
    speed: ignored(z.literal("standard")),

    // Rejected by `index.ts` with an explanation; null is allowed.
    mcp_servers: unsupported,
    container: unsupported,
    context_management: unsupported,
    inference_geo: unsupported,
    diagnostics: unsupported,
    thread: unsupported,
  },
  { error: "an object" },
);

/** A body whose types are valid. */
export type MessagesRequestBody = z.output<typeof messagesRequestSchema>;
