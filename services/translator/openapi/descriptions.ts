import type { RouteDescription } from "./route-description.ts";
import { chatCompletions, completions, embeddings } from "./routes/completions.ts";
import { countTokens, messages } from "./routes/messages.ts";
import { catalogue, model, models } from "./routes/models.ts";
import * as responses from "./routes/responses.ts";
import { healthz, openapi, readyz } from "./routes/service.ts";

/** Every route that is served, in the document's order. New routes are described in `routes/` and listed here. */
export const descriptions: readonly RouteDescription[] = [
  chatCompletions,
  responses.createResponse,
  responses.getResponse,
  responses.deleteResponse,
  responses.cancelResponse,
  responses.listInputItems,
  messages,
  countTokens,
  completions,
  embeddings,
  models,
  model,
  catalogue,
  openapi,
  healthz,
  readyz,
];
