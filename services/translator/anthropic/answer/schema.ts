import { z } from "zod";
import { anyRecord, count } from "../../answers/schema.ts";

const nothing = z.null();

/** The usage that grows while an answer is generated. */
const counts = {
  input_tokens: count.describe("Input tokens, without those that were read from the cache."),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count.describe("Input tokens that were read from the cache."),
  output_tokens: count,
  output_tokens_details: z.object({ thinking_tokens: count }),
  server_tool_use: nothing,
};

const textBlock = z.object({ type: z.literal("text"), text: z.string(), citations: nothing });
const thinkingBlock = z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() });
const toolUseBlock = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: anyRecord,
  caller: z.object({ type: z.literal("direct") }),
});

/** A content block. */
export const contentBlock = z.union([textBlock, thinkingBlock, toolUseBlock]);

const stopReason = z.enum([
  "end_turn",
  "stop_sequence",
  "tool_use",
  "max_tokens",
  "model_context_window_exceeded",
  "refusal",
]);

/** The answer as one object. */
export const message = z.object({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(contentBlock),
  stop_reason: stopReason.nullable().describe("Null while the message is being streamed."),
  stop_sequence: z.string().nullable().describe("The stop sequence that was generated, if any."),
  stop_details: nothing,
  container: nothing,
  diagnostics: nothing,
  usage: z.object({
    ...counts,
    cache_creation: nothing,
    inference_geo: nothing,
    service_tier: z.literal("standard"),
    speed: z.literal("standard"),
  }),
});

/** The envelope of every error, in streams too. */
export const anthropicError = z.object({
  type: z.literal("error"),
  error: z.object({ type: z.string(), message: z.string(), details: anyRecord.optional() }),
  request_id: z.string(),
});

/** The last delta of a message's stream. */
export const messageDelta = z.object({
  type: z.literal("message_delta"),
  delta: z.object({
    stop_reason: stopReason,
    stop_sequence: z.string().nullable(),
    stop_details: nothing,
    container: nothing,
  }),
  usage: z.object(counts),
});

/** One event of a stream. */
export const messageStreamEvent = z.union([
  z.object({ type: z.literal("message_start"), message }),
  z.object({ type: z.literal("ping") }),
  z.object({ type: z.literal("content_block_start"), index: count, content_block: contentBlock }),
  z.object({
    type: z.literal("content_block_delta"),
    index: count,
    delta: z.union([
      z.object({ type: z.literal("text_delta"), text: z.string() }),
      z.object({ type: z.literal("thinking_delta"), thinking: z.string() }),
      z.object({ type: z.literal("input_json_delta"), partial_json: z.string() }),
    ]),
  }),
  z.object({ type: z.literal("content_block_stop"), index: count }),
  messageDelta,
  z.object({ type: z.literal("message_stop") }),
  anthropicError,
]);
