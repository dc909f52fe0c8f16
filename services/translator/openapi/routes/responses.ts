import { defaultTemperature } from "../../chat/request/sampling.ts";
import { responseRequestSchema } from "../../responses/request/schema.ts";
import { type ParameterNotes, toRequestSchema } from "../request-schema.ts";
import { json, listOf, objectOf, orNull, type RouteDescription, ref, text } from "../route-description.ts";
import { responseSchemas } from "../schemas/response.ts";

const hint = "Accepted for the sake of clients; without effect.";

const notes: ParameterNotes<typeof responseRequestSchema> = {
  model: "One of `GET /models`.",
  input: "A text, or items of the conversation in order. Needed unless a response is continued.",
  instructions:
    "What the model is told ahead of the conversation; not kept for responses that continue this one.",
  previous_response_id: "The response that this one continues; the key's own, and stored.",
  tools: "Functions that the model may call.",
  tool_choice: "Whether it may, must or must not call, and which.",
  parallel_tool_calls: "Whether it may make several calls in one answer.",
  text: "Free text, any JSON object, or JSON that matches a schema.",
  reasoning: "How much the model thinks, where it can, and whether its thoughts are shown as a summary.",
  max_output_tokens: "The most tokens that the output may have, thoughts included.",
  temperature: "How freely tokens are drawn; 0 always takes the likeliest.",
  top_p: "Only the likeliest tokens are drawn that together have this probability.",
  top_logprobs: "For each token, so many likely ones are told.",
  truncation: "Whether the oldest turns may be left out of a conversation that does not fit.",
  include: "What is told beyond the usual.",
  store: "Whether the response is kept for the key's owner, to be read and continued.",
  stream: "Whether the response comes piece by piece, as server-sent events.",
  stream_options: "Only with `stream`.",
  background: "Only false: a response is made while its caller waits.",
  metadata: "Comes back with the response.",
  max_tool_calls: hint,
  service_tier: hint,
  user: hint,
  safety_identifier: hint,
  prompt_cache_key: hint,
  prompt_cache_retention: hint,
  prompt_cache_options: hint,
  top_k: "Only so many of the likeliest tokens are drawn; 0 and -1: all.",
  min_p: "Only tokens are drawn that have this share of the likeliest one's probability.",
  repetition_penalty: "Above 1: tokens that have come are less likely, those of the prompt too.",
  presence_penalty: "Above 0: tokens that have come are less likely.",
  frequency_penalty: "Above 0: the more often a token has come, the less likely it is.",
  seed: "Equal seeds give equal answers on equal engines.",
  stop: "The answer ends before any of these texts.",
  chat_template_kwargs: "Passed to the model's chat template.",
};

const id = { name: "id", in: "path", required: true, schema: text };

/** `POST /responses`. */
export const createResponse: RouteDescription = {
  method: "post",
  path: "/responses",
  mount: "api",
  operation: {
    operationId: "createResponse",
    summary: "Makes a response.",
    description:
      "With `stream`, each event is named as its data's `type` says; a failure after the stream has begun is " +
      "`response.failed`.",
    requestBody: { required: true, content: json(ref("ResponseRequest")) },
    responses: {
      200: {
        description: "The response.",
        content: { ...json(ref("Response")), "text/event-stream": { schema: ref("ResponseStreamEvent") } },
      },
    },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    ResponseRequest: toRequestSchema(responseRequestSchema, notes, {
      defaults: { temperature: defaultTemperature, store: true, stream: false, truncation: "disabled" },
    }),
    ...responseSchemas,
  },
};

/** `GET /responses/{id}`. */
export const getResponse: RouteDescription = {
  method: "get",
  path: "/responses/{id}",
  mount: "api",
  operation: {
    operationId: "getResponse",
    summary: "Tells a stored response of the key's owner, as it ended.",
    parameters: [id],
    responses: { 200: { description: "The response.", content: json(ref("Response")) } },
  },
  faults: ["key", "parameters", "model"],
};

/** `DELETE /responses/{id}`. */
export const deleteResponse: RouteDescription = {
  method: "delete",
  path: "/responses/{id}",
  mount: "api",
  operation: {
    operationId: "deleteResponse",
    summary: "Forgets a stored response; those that continue it keep what they have of it.",
    parameters: [id],
    responses: {
      200: {
        description: "It is forgotten.",
        content: json(objectOf({ id: text, object: { const: "response" }, deleted: { const: true } })),
      },
    },
  },
  faults: ["key", "model"],
};

/** `POST /responses/{id}/cancel`. */
export const cancelResponse: RouteDescription = {
  method: "post",
  path: "/responses/{id}/cancel",
  mount: "api",
  operation: {
    operationId: "cancelResponse",
    summary: "Refuses: what is stored has ended, and what has not ended ends with its request.",
    parameters: [id],
    responses: { 400: { description: "For every stored response.", content: json(ref("Error")) } },
  },
  faults: ["key", "body", "model"],
};

/** `GET /responses/{id}/input_items`. */
export const listInputItems: RouteDescription = {
  method: "get",
  path: "/responses/{id}/input_items",
  mount: "api",
  operation: {
    operationId: "listInputItems",
    summary: "Lists all that a stored response was made of, page by page.",
    parameters: [
      id,
      { name: "order", in: "query", schema: { enum: ["asc", "desc"], default: "desc" } },
      { name: "after", in: "query", description: "The id of the item before the page.", schema: text },
      { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 100, default: 20 } },
    ],
    responses: {
      200: {
        description: "A page.",
        content: json(
          objectOf({
            object: { const: "list" },
            data: listOf(ref("ResponseInputItem")),
            first_id: orNull(text),
            last_id: orNull(text),
            has_more: { type: "boolean" },
          }),
        ),
      },
    },
  },
  faults: ["key", "parameters", "model"],
};
