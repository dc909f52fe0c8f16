import { anthropicError, message, messageStreamEvent } from "../../anthropic/answer/wire.ts";
import { messagesRequestSchema } from "../../anthropic/request/schema.ts";
import { answerOf, bodyOf, json, type RouteDescription } from "../route-description.ts";

/** As in `anthropic/errors.ts`. */
const faultForm = { schema: "AnthropicError", statuses: { 503: 529 } };

export const messages: RouteDescription = {
  method: "post",
  path: "/messages",
  operationId: "createMessage",
  summary: "Creates a message, as Anthropic's Messages API does.",
  description:
    "The API key may also be sent in `x-api-key`. With `stream: true`, the name of each event is the `type` of its data. If " +
    "the answer fails after the stream has started, the last event is an error.",
  requestBody: bodyOf("MessagesRequest"),
  responses: { 200: answerOf("The message.", "Message", "MessageStreamEvent") },
  faults: ["key", "body", "model", "generation"],
  faultForm,
  schemas: {
    MessagesRequest: messagesRequestSchema,
    Message: message,
    MessageStreamEvent: messageStreamEvent,
    AnthropicError: anthropicError,
  },
};

export const countTokens: RouteDescription = {
  method: "post",
  path: "/messages/count_tokens",
  operationId: "countMessageTokens",
  summary: "Not supported: tokens are counted by the engine, and reported in the usage of each answer.",
  responses: { 404: { description: "Always.", content: json("AnthropicError") } },
  faults: ["key", "body"],
  faultForm,
};
