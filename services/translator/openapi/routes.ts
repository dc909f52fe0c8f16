import { z } from "zod";
import { usage } from "../answers/wire.ts";
import { anthropicError, message, messageStreamEvent } from "../anthropic/answer/wire.ts";
import { messagesRequestSchema } from "../anthropic/request/schema.ts";
import { catalogueList, catalogueModel } from "../catalogue/route.ts";
import { chatCompletion, chatCompletionChunk } from "../chat/answer/completion.ts";
import { chatRequestSchema } from "../chat/request/schema.ts";
import { completion, completionChunk } from "../completions/answer.ts";
import { completionRequestSchema } from "../completions/request.ts";
import { embeddings, embeddingsRequestSchema } from "../embeddings/route.ts";
import { liveness, notReady, readiness } from "../health.ts";
import { modelList, modelObject } from "../models/routes.ts";
import { response, responseStreamEvent } from "../responses/answer/response-object.ts";
import { inputItem, outputItem } from "../responses/items.ts";
import { responseRequestSchema } from "../responses/request/schema.ts";
import { inputItemPage, responseDeleted } from "../responses/stored-routes.ts";
import { answerOf, bodyOf, json, type RouteDescription } from "./route-description.ts";

const chunked =
  "With `stream: true`, the data of each event is a chunk, and the last event is `[DONE]`. If the answer fails after " +
  "the stream has started, the last event is an error, and `[DONE]` is not sent.";

const alsoAnthropic =
  "The API key may also be sent in `x-api-key`. Requests with `anthropic-version` are answered as Anthropic's Models API does.";

/** As in `anthropic/errors.ts`. */
const anthropicForm = { schema: "AnthropicError", statuses: { 503: 529 } };

const text = { type: "string" };
const responseId = { name: "id", in: "path", required: true, schema: text };

/**
 * Every route that is served, in the document's order, by method and path: without the mount, parameters in braces.
 * New routes are added here.
 */
export const routes: Readonly<Record<string, RouteDescription>> = {
  "post /chat/completions": {
    operationId: "createChatCompletion",
    summary: "Creates a model response for the given chat conversation.",
    description: chunked,
    requestBody: bodyOf("ChatCompletionRequest"),
    responses: { 200: answerOf("The chat completion.", "ChatCompletion", "ChatCompletionChunk", "Error") },
    faults: ["key", "body", "model", "generation"],
    schemas: {
      ChatCompletionRequest: chatRequestSchema,
      ChatCompletion: chatCompletion,
      ChatCompletionChunk: chatCompletionChunk,
      Usage: usage,
    },
  },
  "post /responses": {
    operationId: "createResponse",
    summary: "Creates a model response.",
    description:
      "With `stream: true`, the name of each event is the `type` of its data. If the response fails after the stream has " +
      "started, the last event is `response.failed`.",
    requestBody: bodyOf("ResponseRequest"),
    responses: { 200: answerOf("The response.", "Response", "ResponseStreamEvent") },
    faults: ["key", "body", "model", "generation"],
    schemas: {
      ResponseRequest: responseRequestSchema,
      Response: response,
      ResponseOutputItem: outputItem,
      ResponseInputItem: inputItem,
      ResponseStreamEvent: responseStreamEvent,
    },
  },
  "get /responses/{id}": {
    operationId: "getResponse",
    summary: "Retrieves a stored response.",
    parameters: [responseId],
    responses: { 200: answerOf("The response.", "Response") },
    faults: ["key", "parameters", "model"],
  },
  "delete /responses/{id}": {
    operationId: "deleteResponse",
    summary: "Deletes a stored response. Responses that continue it keep their conversation.",
    parameters: [responseId],
    responses: { 200: answerOf("The response was deleted.", "ResponseDeleted") },
    faults: ["key", "model"],
    schemas: { ResponseDeleted: responseDeleted },
  },
  "post /responses/{id}/cancel": {
    operationId: "cancelResponse",
    summary: "Not supported: stored responses have ended, and others end with the request that creates them.",
    parameters: [responseId],
    responses: { 400: { description: "For every stored response.", content: json("Error") } },
    faults: ["key", "body", "model"],
  },
  "get /responses/{id}/input_items": {
    operationId: "listInputItems",
    summary: "Lists the input items of a stored response, page by page.",
    parameters: [
      responseId,
      { name: "order", in: "query", schema: { enum: ["asc", "desc"], default: "desc" } },
      { name: "after", in: "query", description: "The ID of the item to list items after.", schema: text },
      { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 100, default: 20 } },
    ],
    responses: {
      200: answerOf("A page of items, the latest first unless `order` is `asc`.", "ResponseInputItemPage"),
    },
    faults: ["key", "parameters", "model"],
    schemas: { ResponseInputItemPage: inputItemPage },
  },
  "post /messages": {
    operationId: "createMessage",
    summary: "Creates a message, as Anthropic's Messages API does.",
    description:
      "The API key may also be sent in `x-api-key`. With `stream: true`, the name of each event is the `type` of its data. If " +
      "the answer fails after the stream has started, the last event is an error.",
    requestBody: bodyOf("MessagesRequest"),
    responses: { 200: answerOf("The message.", "Message", "MessageStreamEvent") },
    faults: ["key", "body", "model", "generation"],
    faultForm: anthropicForm,
    schemas: {
      MessagesRequest: messagesRequestSchema,
      Message: message,
      MessageStreamEvent: messageStreamEvent,
      AnthropicError: anthropicError,
    },
  },
  "post /messages/count_tokens": {
    operationId: "countMessageTokens",
    summary: "Not supported: tokens are counted by the engine, and reported in the usage of each answer.",
    responses: { 404: { description: "Always.", content: json("AnthropicError") } },
    faults: ["key", "body"],
    faultForm: anthropicForm,
  },
  "post /completions": {
    operationId: "createCompletion",
    summary: "Creates a completion for the given prompt (legacy).",
    description: chunked,
    requestBody: bodyOf("CompletionRequest"),
    responses: { 200: answerOf("The completion.", "Completion", "CompletionChunk", "Error") },
    faults: ["key", "body", "model", "generation"],
    schemas: {
      CompletionRequest: completionRequestSchema,
      Completion: completion,
      CompletionChunk: completionChunk,
    },
  },
  "post /embeddings": {
    operationId: "createEmbedding",
    summary: "Creates embedding vectors that represent the input.",
    requestBody: bodyOf("EmbeddingsRequest"),
    responses: { 200: answerOf("One embedding for each input, in order.", "Embeddings") },
    faults: ["key", "body", "model", "generation"],
    schemas: { EmbeddingsRequest: embeddingsRequestSchema, Embeddings: embeddings },
  },
  "get /models": {
    operationId: "listModels",
    summary: "Lists the models that are currently served.",
    description: alsoAnthropic,
    responses: { 200: answerOf("The models, ordered by ID.", "ModelList") },
    faults: ["key", "mesh"],
    schemas: { Model: modelObject, ModelList: modelList },
  },
  "get /models/{model}": {
    operationId: "retrieveModel",
    summary: "Retrieves a model that is currently served.",
    description: alsoAnthropic,
    parameters: [
      {
        name: "model",
        in: "path",
        required: true,
        description: "The ID of the model. Slashes need not be encoded.",
        schema: text,
      },
    ],
    responses: { 200: answerOf("The model.", "Model") },
    faults: ["key", "model", "mesh"],
  },
  "get /catalogue": {
    operationId: "listCatalogue",
    summary: "Lists every known model, and how it is currently served.",
    description:
      "The models of the catalogue come first, in its order, then other models that are served, ordered by ID.",
    responses: { 200: answerOf("The models. What is not known is null.", "CatalogueList") },
    faults: ["key", "mesh"],
    schemas: { CatalogueModel: catalogueModel, CatalogueList: catalogueList },
  },
  "get /openapi.json": {
    mount: "both",
    operationId: "describe",
    summary: "Returns this document.",
    responses: { 200: answerOf("The OpenAPI 3.1 document.", "OpenApiDocument") },
    faults: [],
    schemas: { OpenApiDocument: z.record(z.string(), z.unknown()) },
  },
  "get /healthz": {
    mount: "root",
    operationId: "checkHealth",
    summary: "Checks that the process is alive.",
    responses: { 200: answerOf("The process is alive.", "Liveness") },
    faults: [],
    schemas: { Liveness: liveness },
  },
  "get /readyz": {
    mount: "root",
    operationId: "checkReadiness",
    summary: "Checks that at least one model can be served.",
    responses: {
      200: answerOf("At least one model can be served.", "Readiness"),
      503: answerOf("No model can be served.", "NotReady"),
    },
    faults: [],
    schemas: { Readiness: readiness, NotReady: notReady },
  },
};
