import { z } from "zod";
import { bounds, mostStops } from "../../../../core/generation/bounds.ts";
import {
  anyObject,
  arrayOf,
  decimal,
  flag,
  integer,
  nonEmptyText,
  object,
  optional,
  text,
  word,
} from "../../chat/request/vocabulary.ts";

/** A hint about what to keep; prompts are reused here wherever they can be, asked or not. */
const cacheControl = optional(object({ type: z.literal("ephemeral") }));

const textBlock = object({
  type: z.literal("text"),
  text,
  cache_control: cacheControl,
  citations: optional(arrayOf(anyObject, "objects")),
});

const imageBlock = object({
  type: z.literal("image"),
  source: z.discriminatedUnion(
    "type",
    [
      object({ type: z.literal("base64"), media_type: text, data: nonEmptyText }),
      object({ type: z.literal("url"), url: text }),
    ],
    { error: "an object" },
  ),
  cache_control: cacheControl,
});

const toolResultBlock = object({
  type: z.literal("tool_result"),
  tool_use_id: nonEmptyText,
  content: optional(
    z.union(
      [
        text,
        arrayOf(z.discriminatedUnion("type", [textBlock, imageBlock], { error: "an object" }), "objects"),
      ],
      { error: "one of a string or array of objects" },
    ),
  ),
  is_error: optional(flag),
  cache_control: cacheControl,
});

const toolUseBlock = object({
  type: z.literal("tool_use"),
  id: nonEmptyText,
  name: nonEmptyText,
  input: anyObject,
  cache_control: cacheControl,
  // Of an answer that is sent back; whose call it was changes nothing.
  caller: optional(anyObject),
});

const thinkingBlock = object({ type: z.literal("thinking"), thinking: text, signature: optional(text) });

/** What a role's turn may consist of is checked in `messages.ts`; here only that every field has its type. */
const block = z.discriminatedUnion(
  "type",
  [textBlock, imageBlock, toolUseBlock, toolResultBlock, thinkingBlock],
  { error: "an object" },
);

/** A block of a turn's content. */
export type ContentBlock = z.output<typeof block>;
export type ToolResultBlock = z.output<typeof toolResultBlock>;
export type ImageBlock = z.output<typeof imageBlock>;

const message = object({
  role: word("user", "assistant", "system"),
  content: z.union([text, arrayOf(block, "objects")], { error: "one of a string or array of objects" }),
});

/** One turn of the conversation. */
export type AnthropicMessage = z.output<typeof message>;

/** Of `tools.ts`: tools that run on Anthropic's side have a type and no schema, and are refused by their name. */
const tool = object({
  type: optional(text),
  name: text,
  description: optional(text),
  input_schema: optional(anyObject),
  strict: optional(flag),
  cache_control: cacheControl,
  eager_input_streaming: optional(flag),
  defer_loading: optional(flag),
  allowed_callers: optional(arrayOf(text, "strings")),
  input_examples: optional(arrayOf(anyObject, "objects")),
});

const parallel = { disable_parallel_tool_use: optional(flag) };

const toolChoice = z.discriminatedUnion(
  "type",
  [
    object({ type: z.literal("auto"), ...parallel }),
    object({ type: z.literal("any"), ...parallel }),
    object({ type: z.literal("tool"), name: nonEmptyText, ...parallel }),
    object({ type: z.literal("none") }),
  ],
  { error: "an object" },
);

const display = optional(word("summarized", "omitted"));

const thinking = z.discriminatedUnion(
  "type",
  [
    object({ type: z.literal("enabled"), budget_tokens: integer(1024), display }),
    object({ type: z.literal("adaptive"), display }),
    object({ type: z.literal("disabled") }),
  ],
  { error: "an object" },
);

/**
 * The body of a request for a message. The order of the keys is the order in which faults are reported: only the
 * first one is. A key that is not here is refused, as Anthropic's own service does.
 */
export const messagesRequestSchema = z.strictObject(
  {
    model: nonEmptyText,
    messages: arrayOf(message, "objects").min(1),
    max_tokens: integer(1),
    system: optional(
      z.union([text, arrayOf(textBlock, "objects")], { error: "one of a string or array of objects" }),
    ),
    temperature: optional(decimal(0, 1)),
    top_p: optional(decimal(...bounds.topP)),
    top_k: optional(integer(0)),
    // As many as a generation can carry.
    stop_sequences: optional(arrayOf(nonEmptyText, "strings").max(mostStops)),
    stream: optional(flag),
    tools: optional(arrayOf(tool, "objects").max(128)),
    tool_choice: optional(toolChoice),
    thinking: optional(thinking),
    output_config: optional(
      object({
        effort: optional(word("low", "medium", "high", "xhigh", "max")),
        format: optional(object({ type: z.literal("json_schema"), schema: anyObject })),
      }),
    ),

    // Hints without effect here.
    metadata: optional(object({ user_id: optional(text.max(512)) })),
    service_tier: optional(word("auto", "standard_only")),
    cache_control: cacheControl,
    speed: optional(z.literal("standard")),

    // What `index.ts` refuses with a word about it; null asks for nothing.
    mcp_servers: z.null().optional(),
    container: z.null().optional(),
    context_management: z.null().optional(),
    inference_geo: z.null().optional(),
    diagnostics: z.null().optional(),
    thread: z.null().optional(),
  },
  { error: "an object" },
);

/** A request whose every field has its type. */
export type MessagesRequestBody = z.output<typeof messagesRequestSchema>;
