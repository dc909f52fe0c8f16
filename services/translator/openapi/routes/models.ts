import { count, json, listOf, objectOf, type RouteDescription, ref, text } from "../route-description.ts";

const schemas = {
  Model: objectOf(
    {
      id: { ...text, description: "What requests call it." },
      object: { const: "model" },
      created: { ...count, description: "When the first of its nodes was seen, in seconds since 1970." },
      owned_by: text,
    },
    { context_length: { ...count, description: "The longest context that a node offers, in tokens." } },
  ),
};

const alsoAnthropic =
  "The key may come in `x-api-key`, too. Whoever sends `anthropic-version` is answered as Anthropic's Models API does.";

/** `GET /models`. */
export const models: RouteDescription = {
  method: "get",
  path: "/models",
  mount: "api",
  operation: {
    operationId: "listModels",
    summary: "Lists the models that some node serves now.",
    description: alsoAnthropic,
    responses: {
      200: {
        description: "In order of name.",
        content: json(objectOf({ object: { const: "list" }, data: listOf(ref("Model")) })),
      },
    },
  },
  faults: ["key", "mesh"],
  schemas,
};

/** `GET /models/{model}`. */
export const model: RouteDescription = {
  method: "get",
  path: "/models/{model}",
  mount: "api",
  operation: {
    operationId: "retrieveModel",
    summary: "Tells of one model that some node serves now.",
    description: alsoAnthropic,
    parameters: [
      {
        name: "model",
        in: "path",
        required: true,
        description: "Its name. Slashes in it may be sent as they are.",
        schema: text,
      },
    ],
    responses: { 200: { description: "The model.", content: json(ref("Model")) } },
  },
  faults: ["key", "model", "mesh"],
  schemas,
};
