import { capabilities } from "../../../../core/catalogue/entry.ts";
import {
  count,
  json,
  listOf,
  objectOf,
  orNull,
  type RouteDescription,
  ref,
  text,
} from "../route-description.ts";

const positive = { type: "integer", minimum: 1 };

/** `GET /catalogue`. */
export const catalogue: RouteDescription = {
  method: "get",
  path: "/catalogue",
  mount: "api",
  operation: {
    operationId: "listCatalogue",
    summary: "Lists every model that is known, and how it is served now.",
    description: "First the catalogue in its order, then in order of name what is served and not in it.",
    responses: {
      200: {
        description: "Null: not known.",
        content: json(objectOf({ object: { const: "list" }, data: listOf(ref("CatalogueModel")) })),
      },
    },
  },
  faults: ["key", "mesh"],
  schemas: {
    CatalogueModel: objectOf({
      id: { ...text, description: "What requests call it." },
      object: { const: "catalogue.model" },
      size: { ...orNull(text), description: "Parameters: `8B`, `8x7B`, `137M`." },
      active_size: { ...orNull(text), description: "Parameters that work on one token, where not all do." },
      description: orNull(text),
      best_for: orNull(text),
      context_length: { ...orNull(positive), description: "Tokens, by the published configuration." },
      dimensions: { ...orNull(positive), description: "Numbers in one embedding." },
      capabilities: orNull(listOf({ enum: capabilities })),
      names: {
        ...orNull(objectOf({ ollama: listOf(text), hugging_face: listOf(text), gguf: listOf(text) })),
        description: "What engines call it.",
      },
      serving: objectOf({
        nodes: { ...count, description: "Nodes that serve it now." },
        slots: { ...count, description: "Answers that can run at the same time, over all nodes." },
        context_length: { ...orNull(positive), description: "The longest that a node offers, in tokens." },
        tokens_per_second: {
          ...orNull({ type: "number", exclusiveMinimum: 0 }),
          description: "Of one answer, as measured: the median of the nodes.",
        },
      }),
    }),
  },
};
