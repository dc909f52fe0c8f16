import { count, type JsonSchema, listOf, objectOf, orNull, ref, text } from "../route-description.ts";

const calledFunction = objectOf({
  name: text,
  arguments: { ...text, description: "JSON, as the model wrote it." },
});

/** Why an answer ended. */
export const finishReason: JsonSchema = {
  enum: ["stop", "length", "tool_calls", "function_call", "content_filter"],
};

const tokenLogprob = {
  token: text,
  logprob: { type: "number" },
  bytes: orNull(listOf({ type: "integer", minimum: 0, maximum: 255 })),
};

/** Log probabilities of a choice, or of one chunk of it. */
const logprobs = orNull(
  objectOf({
    content: listOf(objectOf({ ...tokenLogprob, top_logprobs: listOf(objectOf(tokenLogprob)) })),
    refusal: { type: "null" },
  }),
);

/** Names an engine. */
export const fingerprint: JsonSchema = {
  ...orNull(text),
  description: "Equal for engines that would continue each other's answers exactly.",
};

const reasoning = {
  reasoning: { ...text, description: "What the model thought; the same as `reasoning_content`." },
  reasoning_content: text,
};

/** Schemas of chat completions, by name. */
export const chatSchemas: Readonly<Record<string, JsonSchema>> = {
  ChatCompletion: objectOf({
    id: text,
    object: { const: "chat.completion" },
    created: count,
    model: text,
    choices: listOf(
      objectOf({
        index: count,
        message: objectOf(
          {
            role: { const: "assistant" },
            content: orNull(text),
            refusal: { type: "null" },
            annotations: { type: "array", maxItems: 0 },
          },
          {
            ...reasoning,
            tool_calls: listOf(objectOf({ id: text, type: { const: "function" }, function: calledFunction })),
            function_call: calledFunction,
          },
        ),
        logprobs,
        finish_reason: finishReason,
      }),
    ),
    usage: ref("Usage"),
    service_tier: { const: "default" },
    system_fingerprint: fingerprint,
  }),
  ChatCompletionChunk: objectOf(
    {
      id: text,
      object: { const: "chat.completion.chunk" },
      created: count,
      model: text,
      service_tier: { const: "default" },
      system_fingerprint: fingerprint,
      choices: listOf(
        objectOf({
          index: count,
          delta: objectOf(
            {},
            {
              role: { const: "assistant" },
              content: text,
              refusal: { type: "null" },
              ...reasoning,
              tool_calls: listOf(
                objectOf(
                  { index: count, function: objectOf({ arguments: text }, { name: text }) },
                  { id: text, type: { const: "function" } },
                ),
              ),
              function_call: objectOf({ arguments: text }, { name: text }),
            },
          ),
          logprobs,
          finish_reason: orNull(finishReason),
        }),
      ),
    },
    {
      usage: {
        ...orNull(ref("Usage")),
        description:
          "Only with `stream_options.include_usage`: null, but in the last chunk, which has no choices.",
      },
    },
  ),
};
