import { defaultTemperature } from "../../chat/request/sampling.ts";
import { chatRequestSchema } from "../../chat/request/schema.ts";
import { type ParameterNotes, toRequestSchema } from "../request-schema.ts";
import { json, type RouteDescription, ref } from "../route-description.ts";
import { chatSchemas } from "../schemas/chat.ts";
import { usageSchema } from "../schemas/usage.ts";

const hint = "Accepted for the sake of clients; without effect.";

const notes: ParameterNotes<typeof chatRequestSchema> = {
  model: "One of `GET /models`.",
  messages: "The conversation, in order.",
  functions: "Older form of `tools`.",
  function_call: "Older form of `tool_choice`.",
  tools: "Functions that the model may call.",
  tool_choice: "Whether it may, must or must not call, and which.",
  parallel_tool_calls: "Whether it may make several calls in one answer.",
  max_completion_tokens: "The most tokens that an answer may have, thoughts included.",
  max_tokens: "Older name of `max_completion_tokens`, which overrules it.",
  n: "How many answers are wanted.",
  temperature: "How freely tokens are drawn; 0 always takes the likeliest.",
  top_p: "Only the likeliest tokens are drawn that together have this probability.",
  presence_penalty: "Above 0: tokens that have come are less likely.",
  frequency_penalty: "Above 0: the more often a token has come, the less likely it is.",
  logprobs: "Whether the log probabilities of the answer's tokens are told.",
  top_logprobs: "For each token, so many likely ones are told too. Needs `logprobs`.",
  logit_bias: "Added to the logits of tokens, by the model's own token ids.",
  user: hint,
  seed: "Equal seeds give equal answers on equal engines.",
  stop: "The answer ends before any of these texts.",
  stream: "Whether the answer comes piece by piece, as server-sent events.",
  stream_options: "Only with `stream`.",
  response_format: "Free text, any JSON object, or JSON that matches a schema.",
  reasoning_effort: "How much the model thinks, where it can.",
  modalities: "Text is all there is.",
  verbosity: hint,
  service_tier: hint,
  store: hint,
  metadata: hint,
  safety_identifier: hint,
  prompt_cache_key: hint,
  prompt_cache_retention: hint,
  prompt_cache_options: hint,
  prediction: hint,
  top_k: "Only so many of the likeliest tokens are drawn; 0 and -1: all.",
  min_p: "Only tokens are drawn that have this share of the likeliest one's probability.",
  repetition_penalty: "Above 1: tokens that have come are less likely, those of the prompt too.",
  chat_template_kwargs: "Passed to the model's chat template.",
  include_reasoning: "Whether thoughts are shown.",
  continue_final_message:
    "The answer goes on behind the last message, which is the assistant's; `add_generation_prompt` is false then.",
  add_generation_prompt: "False only beside `continue_final_message`.",
  reasoning: "OpenRouter's form of `reasoning_effort` and `include_reasoning`.",
  think: "Ollama's form of `reasoning_effort`.",
  format: "Ollama's form of `response_format`.",
};

/** `POST /chat/completions`. */
export const chatCompletions: RouteDescription = {
  method: "post",
  path: "/chat/completions",
  mount: "api",
  operation: {
    operationId: "createChatCompletion",
    summary: "Answers a conversation.",
    description:
      "With `stream`, each event's data is a chunk, and the last one is `[DONE]`. A failure after the stream has " +
      "begun is an event with an error, which no `[DONE]` follows.",
    requestBody: { required: true, content: json(ref("ChatCompletionRequest")) },
    responses: {
      200: {
        description: "The answer.",
        content: {
          ...json(ref("ChatCompletion")),
          "text/event-stream": { schema: { anyOf: [ref("ChatCompletionChunk"), ref("Error")] } },
        },
      },
    },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    ChatCompletionRequest: toRequestSchema(chatRequestSchema, notes, {
      defaults: { temperature: defaultTemperature, n: 1, stream: false },
    }),
    ...chatSchemas,
    Usage: usageSchema,
  },
};
