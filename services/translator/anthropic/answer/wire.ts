import {
  type Finished,
  FinishReason,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Described } from "../../answers/schema.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { contentBlock, message, messageDelta } from "./schema.ts";

// Parts of Anthropic's answers that messages and streams share.

/** What is known before a message starts. */
export interface MessageHead {
  readonly id: string;
  /** As the caller named it. */
  readonly model: string;
}

/** The message object, in Anthropic's names. */
export type Message = Described<typeof message>;
export type ContentBlock = Described<typeof contentBlock>;
export type MessageDelta = Described<typeof messageDelta>;
/** Anthropic's stop reason, and the stop sequence if there was one. */
export type StopReason = Pick<MessageDelta["delta"], "stop_reason" | "stop_sequence">;

/** Anthropic's stop reason for an answer of at most `maxTokens` tokens. */
export function toStopReason({ reason, stop, usage }: Finished, maxTokens: number): StopReason {
  switch (reason) {
    case FinishReason.TOOL_CALLS:
      return { stop_reason: "tool_use", stop_sequence: null };
    case FinishReason.CONTENT_FILTER:
      return { stop_reason: "refusal", stop_sequence: null };
    case FinishReason.LENGTH: {
      // A truncated answer below the caller's limit has filled the context.
      const isFull = (usage?.completionTokens ?? maxTokens) < maxTokens;
      return { stop_reason: isFull ? "model_context_window_exceeded" : "max_tokens", stop_sequence: null };
    }
    default:
      return stop === ""
        ? { stop_reason: "end_turn", stop_sequence: null }
        : { stop_reason: "stop_sequence", stop_sequence: stop };
  }
}

/** The usage so far; cached prompt tokens do not count as input. */
export const toCounts = (usage: Usage | undefined): MessageDelta["usage"] => {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
};

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
