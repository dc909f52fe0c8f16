import { catalogueList, catalogueModel } from "../../catalogue/route.ts";
import { modelList, modelObject } from "../../models/routes.ts";
import { answerOf, type RouteDescription } from "../route-description.ts";

const alsoAnthropic =
  "The API key may also be sent in `x-api-key`. Requests with `anthropic-version` are answered as Anthropic's Models API does.";

export const models: RouteDescription = {
  method: "get",
  path: "/models",
  operationId: "listModels",
  summary: "Lists the models that are currently served.",
  description: alsoAnthropic,
  responses: { 200: answerOf("The models, ordered by ID.", "ModelList") },
  faults: ["key", "mesh"],
  schemas: { Model: modelObject, ModelList: modelList },
};

export const model: RouteDescription = {
  method: "get",
  path: "/models/{model}",
  operationId: "retrieveModel",
  summary: "Retrieves a model that is currently served.",
  description: alsoAnthropic,
  parameters: [
    {
      name: "model",
      in: "path",
      required: true,
      description: "The ID of the model. Slashes need not be encoded.",
      schema: { type: "string" },
    },
  ],
  responses: { 200: answerOf("The model.", "Model") },
  faults: ["key", "model", "mesh"],
};

export const catalogue: RouteDescription = {
  method: "get",
  path: "/catalogue",
  operationId: "listCatalogue",
  summary: "Lists every known model, and how it is currently served.",
  description:
    "The models of the catalogue come first, in its order, then other models that are served, ordered by ID.",
  responses: { 200: answerOf("The models. What is not known is null.", "CatalogueList") },
  faults: ["key", "mesh"],
  schemas: { CatalogueModel: catalogueModel, CatalogueList: catalogueList },
};
