import { z } from "zod";
import {
  type Finished,
  FinishReason,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { anyRecord, count, type Described } from "../../answers/wire.ts";
import type { JsonObject } from "../../http/json-body.ts";

// Parts of Anthropic's answers that messages and streams share.

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

const contentBlock = z.union([textBlock, thinkingBlock, toolUseBlock]);

const stopReason = z.enum([
  "end_turn",
  "stop_sequence",
  "tool_use",
  "max_tokens",
  "model_context_window_exceeded",
  "refusal",
]);

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

export const anthropicError = z.object({
  type: z.literal("error"),
  error: z.object({ type: z.string(), message: z.string(), details: anyRecord.optional() }),
  request_id: z.string(),
});

const messageDelta = z.object({
  type: z.literal("message_delta"),
  delta: z.object({
    stop_reason: stopReason,
    stop_sequence: z.string().nullable(),
    stop_details: nothing,
    container: nothing,
  }),
  usage: z.object(counts),
});

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

export interface MessageHead {
  readonly id: string;
  /** As the caller named it. */
  readonly model: string;
}

type Message = Described<typeof message>;
export type ContentBlock = Described<typeof contentBlock>;
export type MessageDelta = Described<typeof messageDelta>;
type StopReason = Pick<MessageDelta["delta"], "stop_reason" | "stop_sequence">;

/** Anthropic's stop reason for an answer of at most `maxTokens` tokens. */
export function toStopReason({ reason, stop, usage }: Finished, maxTokens: number): StopReason {
  const because = (stop_reason: StopReason["stop_reason"]) => ({ stop_reason, stop_sequence: null });
  switch (reason) {
    case FinishReason.TOOL_CALLS:
      return because("tool_use");
    case FinishReason.CONTENT_FILTER:
      return because("refusal");
    case FinishReason.LENGTH:
      // A truncated answer below the caller's limit has filled the context.
      return because(
        (usage?.completionTokens ?? maxTokens) < maxTokens ? "model_context_window_exceeded" : "max_tokens",
      );
    default:
      return stop === "" ? because("end_turn") : { stop_reason: "stop_sequence", stop_sequence: stop };
  }
}

/** The usage so far; cached prompt tokens do not count as input. */
export function toCounts(usage: Usage | undefined): MessageDelta["usage"] {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
}

/** The message object; `usage`: undefined while it is streamed. */
export const toMessage = (
  { id, model }: MessageHead,
  content: readonly ContentBlock[],
  end: Pick<Message, "stop_reason" | "stop_sequence">,
  usage: Usage | undefined,
): Message => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content,
  ...end,
  stop_details: null,
  container: null,
  diagnostics: null,
  usage: {
    ...toCounts(usage),
    cache_creation: null,
    inference_geo: null,
    service_tier: "standard",
    speed: "standard",
  },
});

export const toTextBlock = (text: string): ContentBlock => ({ type: "text", text, citations: null });

/** The signature is empty; blocks that come back are accepted without one. */
export const toThinkingBlock = (thinking: string): ContentBlock => ({
  type: "thinking",
  thinking,
  signature: "",
});

/** Ids of calls get Anthropic's prefix. */
export const toToolUseBlock = (id: string, name: string, input: JsonObject): ContentBlock => ({
  type: "tool_use",
  id: id.replace(/^call_/, "toolu_"),
  name,
  input,
  caller: { type: "direct" },
});
