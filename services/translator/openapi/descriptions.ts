import type { RouteDescription } from "./route-description.ts";
import { catalogue } from "./routes/catalogue.ts";
import { chatCompletions } from "./routes/chat-completions.ts";
import { completions } from "./routes/completions.ts";
import { embeddings } from "./routes/embeddings.ts";
import { healthz, readyz } from "./routes/health.ts";
import { countTokens, messages } from "./routes/messages.ts";
import { model, models } from "./routes/models.ts";
import { openapi } from "./routes/openapi.ts";
import {
  cancelResponse,
  createResponse,
  deleteResponse,
  getResponse,
  listInputItems,
} from "./routes/responses.ts";

/** Every route that is served, in the order of the document. A new route gets a file in `routes/` and a word here. */
export const descriptions: readonly RouteDescription[] = [
  chatCompletions,
  createResponse,
  getResponse,
  deleteResponse,
  cancelResponse,
  listInputItems,
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
