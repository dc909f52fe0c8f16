import { count, type JsonSchema, listOf, objectOf, orNull, ref, text } from "../route-description.ts";

const status: JsonSchema = { enum: ["in_progress", "completed", "incomplete"] };

const tokenLogprob = { token: text, logprob: { type: "number" }, bytes: orNull(listOf(count)) };
const logprobs = listOf(objectOf({ ...tokenLogprob, top_logprobs: listOf(objectOf(tokenLogprob)) }));

const outputText = objectOf({
  type: { const: "output_text" },
  annotations: { type: "array" },
  logprobs: { ...logprobs, description: "Empty unless asked for." },
  text,
});
const refusal = objectOf({ type: { const: "refusal" }, refusal: text });
const inputText = objectOf({ type: { const: "input_text" }, text });
const reasoningText = objectOf({ type: { const: "reasoning_text" }, text });
const summaryText = objectOf({ type: { const: "summary_text" }, text });

/** An item, by its type. */
const item = (
  type: string,
  properties: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema => objectOf({ id: text, type: { const: type }, status, ...properties }, optional);

const outputItem: JsonSchema = {
  anyOf: [
    item("message", { role: { const: "assistant" }, content: listOf({ anyOf: [outputText, refusal] }) }),
    item("reasoning", { summary: listOf(summaryText) }, { content: listOf(reasoningText) }),
    item("function_call", {
      arguments: { ...text, description: "JSON, as the model wrote it." },
      call_id: { ...text, description: "What the result has to name." },
      name: text,
    }),
  ],
};

const inputItem: JsonSchema = {
  anyOf: [
    ref("ResponseOutputItem"),
    item("message", {
      role: { enum: ["user", "system", "developer"] },
      content: listOf({
        anyOf: [
          inputText,
          objectOf({
            type: { const: "input_image" },
            image_url: text,
            detail: { enum: ["auto", "low", "high"] },
          }),
        ],
      }),
    }),
    item("function_call_output", { call_id: text, output: { anyOf: [text, listOf(inputText)] } }),
  ],
};

const usage = objectOf({
  input_tokens: count,
  input_tokens_details: objectOf({ cached_tokens: count, cache_write_tokens: count }),
  output_tokens: count,
  output_tokens_details: objectOf({ reasoning_tokens: count }),
  total_tokens: count,
});

const response = objectOf({
  id: text,
  object: { const: "response" },
  created_at: { ...count, description: "In seconds since 1970." },
  status: { enum: ["in_progress", "completed", "incomplete", "failed"] },
  background: { const: false },
  completed_at: orNull(count),
  error: orNull(objectOf({ code: { enum: ["rate_limit_exceeded", "server_error"] }, message: text })),
  incomplete_details: orNull(objectOf({ reason: { enum: ["max_output_tokens", "content_filter"] } })),
  instructions: orNull(text),
  max_output_tokens: orNull(count),
  max_tool_calls: orNull(count),
  model: text,
  parallel_tool_calls: { type: "boolean" },
  previous_response_id: orNull(text),
  prompt_cache_key: orNull(text),
  reasoning: objectOf({ effort: orNull(text), summary: orNull(text) }),
  safety_identifier: orNull(text),
  store: { type: "boolean" },
  temperature: { type: "number" },
  text: objectOf({
    format: { type: "object", description: "As in the request." },
    verbosity: { enum: ["low", "medium", "high"] },
  }),
  tool_choice: { anyOf: [text, { type: "object" }], description: "As in the request." },
  tools: listOf(
    objectOf(
      {
        type: text,
        description: orNull(text),
        parameters: orNull({ type: "object" }),
        strict: { type: "boolean" },
      },
      { name: text },
    ),
  ),
  top_logprobs: count,
  top_p: orNull({ type: "number" }),
  truncation: { enum: ["auto", "disabled"] },
  output: listOf(ref("ResponseOutputItem")),
  service_tier: { const: "default" },
  usage: orNull(usage),
  user: orNull(text),
  metadata: { type: "object", additionalProperties: text },
});

/** Where in the output something happens. */
const place = { item_id: text, output_index: count };
const inContent = { ...place, content_index: count };
const inSummary = { ...place, summary_index: count };
const contentPart = { part: { anyOf: [outputText, reasoningText] } };

/** What the events of a stream carry beside type and number, by type. */
const events: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>> = {
  "response.created": { response: ref("Response") },
  "response.in_progress": { response: ref("Response") },
  "response.output_item.added": { output_index: count, item: ref("ResponseOutputItem") },
  "response.content_part.added": { ...inContent, ...contentPart },
  "response.output_text.delta": { ...inContent, delta: text, logprobs },
  "response.output_text.done": { ...inContent, text, logprobs },
  "response.reasoning_text.delta": { ...inContent, delta: text },
  "response.reasoning_text.done": { ...inContent, text },
  "response.content_part.done": { ...inContent, ...contentPart },
  "response.reasoning_summary_part.added": { ...inSummary, part: summaryText },
  "response.reasoning_summary_text.delta": { ...inSummary, delta: text },
  "response.reasoning_summary_text.done": { ...inSummary, text },
  "response.reasoning_summary_part.done": { ...inSummary, part: summaryText },
  "response.function_call_arguments.delta": { ...place, delta: text },
  "response.function_call_arguments.done": { ...place, name: text, arguments: text },
  "response.output_item.done": { output_index: count, item: ref("ResponseOutputItem") },
  "response.completed": { response: ref("Response") },
  "response.incomplete": { response: ref("Response") },
  "response.failed": { response: ref("Response") },
};

/** Schemas of OpenAI's Responses API, by name. */
export const responseSchemas: Readonly<Record<string, JsonSchema>> = {
  Response: response,
  ResponseOutputItem: outputItem,
  ResponseInputItem: inputItem,
  ResponseStreamEvent: {
    anyOf: Object.entries(events).map(([type, properties]) =>
      objectOf({ type: { const: type }, sequence_number: count, ...properties }),
    ),
  },
};
