import {
  type Finished,
  FinishReason,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

// Parts of Anthropic's answer that its two forms, message and stream, have in common.

/** What a message is from its beginning. */
export interface MessageHead {
  readonly id: string;
  /** As the caller named it. */
  readonly model: string;
}

/** Why a message ended. */
export interface StopWord {
  readonly stop_reason: string;
  /** The stop sequence that was met. */
  readonly stop_sequence: string | null;
}

/** Anthropic's words for the end of an answer of at most `maxTokens` tokens. */
export function toStopWord({ reason, stop, usage }: Finished, maxTokens: number): StopWord {
  switch (reason) {
    case FinishReason.TOOL_CALLS:
      return { stop_reason: "tool_use", stop_sequence: null };
    case FinishReason.CONTENT_FILTER:
      return { stop_reason: "refusal", stop_sequence: null };
    case FinishReason.LENGTH: {
      // An answer that is cut before the caller's limit has filled the context.
      const isFull = (usage?.completionTokens ?? maxTokens) < maxTokens;
      return { stop_reason: isFull ? "model_context_window_exceeded" : "max_tokens", stop_sequence: null };
    }
    default:
      return stop === ""
        ? { stop_reason: "end_turn", stop_sequence: null }
        : { stop_reason: "stop_sequence", stop_sequence: stop };
  }
}

/** What counts up; here in full, for what is reused of a prompt does not count as input. */
export const toCounts = (usage: Usage | undefined) => {
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

/** The usage of a message. */
export const toUsage = (usage: Usage | undefined) => ({
  ...toCounts(usage),
  cache_creation: null,
  inference_geo: null,
  service_tier: "standard",
  speed: "standard",
});

/** A message with this content. */
export const toMessage = (
  { id, model }: MessageHead,
  content: readonly object[],
  end: { readonly stop_reason: string | null; readonly stop_sequence: string | null },
  usage: Usage | undefined,
) => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content,
  ...end,
  stop_details: null,
  container: null,
  diagnostics: null,
  usage: toUsage(usage),
});

/** A block of text. */
export const toTextBlock = (text: string) => ({ type: "text", text, citations: null });

/** A block of thoughts. There is no signature: thoughts that come back are taken without one. */
export const toThinkingBlock = (thinking: string) => ({ type: "thinking", thinking, signature: "" });

/** A call of a tool, under an id that begins as Anthropic's do. */
export const toToolUseBlock = (id: string, name: string, input: unknown) => ({
  type: "tool_use",
  id: id.replace(/^call_/, "toolu_"),
  name,
  input,
  caller: { type: "direct" },
});
