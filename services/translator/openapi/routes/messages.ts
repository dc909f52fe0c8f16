import { messagesRequestSchema } from "../../anthropic/request/schema.ts";
import { defaultTemperature } from "../../chat/request/sampling.ts";
import { type ParameterNotes, toRequestSchema } from "../request-schema.ts";
import { json, type RouteDescription, ref } from "../route-description.ts";
import { messageSchemas } from "../schemas/message.ts";

const hint = "Accepted for the sake of clients; without effect.";
const notHere = "Not supported here: may be null.";

const notes: ParameterNotes<typeof messagesRequestSchema> = {
  model: "One of `GET /models`.",
  messages: "The conversation, in order.",
  max_tokens: "The most tokens that the answer may have, thoughts included.",
  system: "What the model is told ahead of the conversation.",
  temperature: "How freely tokens are drawn; 0 always takes the likeliest.",
  top_p: "Only the likeliest tokens are drawn that together have this probability.",
  top_k: "Only so many of the likeliest tokens are drawn; 0: all.",
  stop_sequences: "The answer ends before any of these texts.",
  stream: "Whether the answer comes piece by piece, as server-sent events.",
  tools: "Functions that the model may call.",
  tool_choice: "Whether it may, must or must not call, and which.",
  thinking: "Whether and how much the model thinks, where it can.",
  output_config: "How much the model thinks, and JSON that matches a schema.",
  metadata: hint,
  service_tier: hint,
  cache_control: hint,
  speed: hint,
  mcp_servers: notHere,
  container: notHere,
  context_management: notHere,
  inference_geo: notHere,
  diagnostics: notHere,
  thread: notHere,
};

/** As `anthropic/errors.ts` has it. */
const faultForm = { schema: "AnthropicError", statuses: { 503: 529 } };

/** `POST /messages`. */
export const messages: RouteDescription = {
  method: "post",
  path: "/messages",
  mount: "api",
  operation: {
    operationId: "createMessage",
    summary: "Answers a conversation, in Anthropic's form.",
    description:
      "The key may also come in `x-api-key`. With `stream`, each event is named as its data's `type` says; a failure " +
      "after the stream has begun is an event with an error.",
    requestBody: { required: true, content: json(ref("MessagesRequest")) },
    responses: {
      200: {
        description: "The answer.",
        content: {
          ...json(ref("Message")),
          "text/event-stream": { schema: ref("MessageStreamEvent") },
        },
      },
    },
  },
  faults: ["key", "body", "model", "generation"],
  faultForm,
  schemas: {
    MessagesRequest: toRequestSchema(messagesRequestSchema, notes, {
      defaults: { temperature: defaultTemperature, stream: false },
    }),
    ...messageSchemas,
  },
};

/** `POST /messages/count_tokens`. */
export const countTokens: RouteDescription = {
  method: "post",
  path: "/messages/count_tokens",
  mount: "api",
  operation: {
    operationId: "countMessageTokens",
    summary: "Refuses: tokens are counted by the engine that has the model, in its answer.",
    responses: { 404: { description: "Always.", content: json(ref("AnthropicError")) } },
  },
  faults: ["key", "body"],
  faultForm,
};
