import { count, type JsonSchema, listOf, objectOf, orNull, ref, text } from "../route-description.ts";

const nothing: JsonSchema = { type: "null" };

const counts = {
  input_tokens: { ...count, description: "Of the prompt, without what was reused." },
  cache_creation_input_tokens: count,
  cache_read_input_tokens: { ...count, description: "Of the prompt, reused." },
  output_tokens: count,
  output_tokens_details: objectOf({ thinking_tokens: count }),
  server_tool_use: nothing,
};

const block: JsonSchema = {
  anyOf: [
    objectOf({ type: { const: "text" }, text, citations: nothing }),
    objectOf({ type: { const: "thinking" }, thinking: text, signature: text }),
    objectOf({
      type: { const: "tool_use" },
      id: text,
      name: text,
      input: { type: "object" },
      caller: objectOf({ type: { const: "direct" } }),
    }),
  ],
};

const stopReason: JsonSchema = {
  enum: ["end_turn", "stop_sequence", "tool_use", "max_tokens", "model_context_window_exceeded", "refusal"],
};

const delta: JsonSchema = {
  anyOf: [
    objectOf({ type: { const: "text_delta" }, text }),
    objectOf({ type: { const: "thinking_delta" }, thinking: text }),
    objectOf({ type: { const: "input_json_delta" }, partial_json: text }),
  ],
};

/** An event, by its type. */
const event = (type: string, properties: Readonly<Record<string, JsonSchema>> = {}): JsonSchema =>
  objectOf({ type: { const: type }, ...properties });

/** Schemas of Anthropic's messages, by name. */
export const messageSchemas: Readonly<Record<string, JsonSchema>> = {
  Message: objectOf({
    id: text,
    type: { const: "message" },
    role: { const: "assistant" },
    model: text,
    content: listOf(block),
    stop_reason: { ...orNull(stopReason), description: "Null while a stream is under way." },
    stop_sequence: { ...orNull(text), description: "The stop sequence that was met." },
    stop_details: nothing,
    container: nothing,
    diagnostics: nothing,
    usage: objectOf({
      ...counts,
      cache_creation: nothing,
      inference_geo: nothing,
      service_tier: { const: "standard" },
      speed: { const: "standard" },
    }),
  }),
  MessageStreamEvent: {
    anyOf: [
      event("message_start", { message: ref("Message") }),
      event("ping"),
      event("content_block_start", { index: count, content_block: block }),
      event("content_block_delta", { index: count, delta }),
      event("content_block_stop", { index: count }),
      event("message_delta", {
        delta: objectOf({
          stop_reason: stopReason,
          stop_sequence: orNull(text),
          stop_details: nothing,
          container: nothing,
        }),
        usage: objectOf(counts),
      }),
      event("message_stop"),
      ref("AnthropicError"),
    ],
  },
  AnthropicError: objectOf({
    type: { const: "error" },
    error: objectOf({ type: text, message: text }, { details: { type: "object" } }),
    request_id: text,
  }),
};
