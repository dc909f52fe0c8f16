import { usage } from "../../answers/schema.ts";
import { chatCompletion, chatCompletionChunk } from "../../chat/answer/schema.ts";
import { chatRequestSchema } from "../../chat/request/schema.ts";
import { answerOf, bodyOf, type RouteDescription } from "../route-description.ts";

/** `POST /chat/completions`. */
export const chatCompletions: RouteDescription = {
  method: "post",
  path: "/chat/completions",
  mount: "api",
  operation: {
    operationId: "createChatCompletion",
    summary: "Creates a model response for the given chat conversation.",
    description:
      "With `stream: true`, the data of each event is a chunk, and the last event is `[DONE]`. If the answer fails after " +
      "the stream has started, the last event is an error, and `[DONE]` is not sent.",
    requestBody: bodyOf("ChatCompletionRequest"),
    responses: { 200: answerOf("The chat completion.", "ChatCompletion", "ChatCompletionChunk", "Error") },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    ChatCompletionRequest: chatRequestSchema,
    ChatCompletion: chatCompletion,
    ChatCompletionChunk: chatCompletionChunk,
    Usage: usage,
  },
};
