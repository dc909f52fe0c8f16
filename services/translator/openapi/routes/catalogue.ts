import { catalogueList, catalogueModel } from "../../catalogue/catalogue-list.ts";
import { answerOf, type RouteDescription } from "../route-description.ts";

/** `GET /catalogue`. */
export const catalogue: RouteDescription = {
  method: "get",
  path: "/catalogue",
  mount: "api",
  operation: {
    operationId: "listCatalogue",
    summary: "Lists every known model, and how it is currently served.",
    description:
      "The models of the catalogue come first, in its order, then other models that are served, ordered by ID.",
    responses: { 200: answerOf("The models. What is not known is null.", "CatalogueList") },
  },
  faults: ["key", "mesh"],
  schemas: { CatalogueModel: catalogueModel, CatalogueList: catalogueList },
};
