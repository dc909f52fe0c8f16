import { response, responseStreamEvent } from "../../responses/answer/response-object.ts";
import { inputItem, outputItem } from "../../responses/items.ts";
import { responseRequestSchema } from "../../responses/request/schema.ts";
import { inputItemPage, responseDeleted } from "../../responses/stored-routes.ts";
import { answerOf, bodyOf, json, type RouteDescription } from "../route-description.ts";

const text = { type: "string" };
const id = { name: "id", in: "path", required: true, schema: text };

export const createResponse: RouteDescription = {
  method: "post",
  path: "/responses",
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
};

export const getResponse: RouteDescription = {
  method: "get",
  path: "/responses/{id}",
  operationId: "getResponse",
  summary: "Retrieves a stored response.",
  parameters: [id],
  responses: { 200: answerOf("The response.", "Response") },
  faults: ["key", "parameters", "model"],
};

export const deleteResponse: RouteDescription = {
  method: "delete",
  path: "/responses/{id}",
  operationId: "deleteResponse",
  summary: "Deletes a stored response. Responses that continue it keep their conversation.",
  parameters: [id],
  responses: { 200: answerOf("The response was deleted.", "ResponseDeleted") },
  faults: ["key", "model"],
  schemas: { ResponseDeleted: responseDeleted },
};

export const cancelResponse: RouteDescription = {
  method: "post",
  path: "/responses/{id}/cancel",
  operationId: "cancelResponse",
  summary: "Not supported: stored responses have ended, and others end with the request that creates them.",
  parameters: [id],
  responses: { 400: { description: "For every stored response.", content: json("Error") } },
  faults: ["key", "body", "model"],
};

export const listInputItems: RouteDescription = {
  method: "get",
  path: "/responses/{id}/input_items",
  operationId: "listInputItems",
  summary: "Lists the input items of a stored response, page by page.",
  parameters: [
    id,
    { name: "order", in: "query", schema: { enum: ["asc", "desc"], default: "desc" } },
    { name: "after", in: "query", description: "The ID of the item to list items after.", schema: text },
    { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 100, default: 20 } },
  ],
  responses: {
    200: answerOf("A page of items, the latest first unless `order` is `asc`.", "ResponseInputItemPage"),
  },
  faults: ["key", "parameters", "model"],
  schemas: { ResponseInputItemPage: inputItemPage },
};
