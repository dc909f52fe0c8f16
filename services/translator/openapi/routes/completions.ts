import { usage } from "../../answers/wire.ts";
import { chatCompletion, chatCompletionChunk } from "../../chat/answer/completion.ts";
import { chatRequestSchema } from "../../chat/request/schema.ts";
import { completion, completionChunk } from "../../completions/answer.ts";
import { completionRequestSchema } from "../../completions/request.ts";
import { embeddingsRequestSchema } from "../../embeddings/request.ts";
import { embeddings as embeddingsSchema } from "../../embeddings/route.ts";
import { answerOf, bodyOf, type RouteDescription } from "../route-description.ts";

const streaming =
  "With `stream: true`, the data of each event is a chunk, and the last event is `[DONE]`. If the answer fails after " +
  "the stream has started, the last event is an error, and `[DONE]` is not sent.";

export const chatCompletions: RouteDescription = {
  method: "post",
  path: "/chat/completions",
  operationId: "createChatCompletion",
  summary: "Creates a model response for the given chat conversation.",
  description: streaming,
  requestBody: bodyOf("ChatCompletionRequest"),
  responses: { 200: answerOf("The chat completion.", "ChatCompletion", "ChatCompletionChunk", "Error") },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    ChatCompletionRequest: chatRequestSchema,
    ChatCompletion: chatCompletion,
    ChatCompletionChunk: chatCompletionChunk,
    Usage: usage,
  },
};

export const completions: RouteDescription = {
  method: "post",
  path: "/completions",
  operationId: "createCompletion",
  summary: "Creates a completion for the given prompt (legacy).",
  description: streaming,
  requestBody: bodyOf("CompletionRequest"),
  responses: { 200: answerOf("The completion.", "Completion", "CompletionChunk", "Error") },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    CompletionRequest: completionRequestSchema,
    Completion: completion,
    CompletionChunk: completionChunk,
    Usage: usage,
  },
};

export const embeddings: RouteDescription = {
  method: "post",
  path: "/embeddings",
  operationId: "createEmbedding",
  summary: "Creates embedding vectors that represent the input.",
  requestBody: bodyOf("EmbeddingsRequest"),
  responses: { 200: answerOf("One embedding for each input, in order.", "Embeddings") },
  faults: ["key", "body", "model", "generation"],
  schemas: { EmbeddingsRequest: embeddingsRequestSchema, Embeddings: embeddingsSchema },
};
