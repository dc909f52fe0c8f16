import type { FastifyInstance } from "fastify";
import type { GenerationOptions } from "../answers/options.ts";
import { defaultStoreLimits, type StoreLimits } from "../config.ts";
import { addResource } from "../http/resource.ts";
import { createResponseRoute } from "./route.ts";
import { MemoryResponseStore } from "./store/memory-store.ts";
import {
  createCancelRoute,
  createDeleteRoute,
  createGetRoute,
  createInputItemsRoute,
} from "./stored-routes.ts";

/**
 * OpenAI's Responses API. What is returned puts it under the prefix of a scope; all scopes see the same stored
 * responses.
 */
export function createResponses(
  options: GenerationOptions & { readonly storeLimits?: StoreLimits },
): (scope: FastifyInstance) => void {
  const store = new MemoryResponseStore(options.clock, options.storeLimits ?? defaultStoreLimits);
  const resources = {
    "/responses": { POST: createResponseRoute(options, store) },
    "/responses/:id": { GET: createGetRoute(store), DELETE: createDeleteRoute(store) },
    "/responses/:id/cancel": { POST: createCancelRoute(store) },
    "/responses/:id/input_items": { GET: createInputItemsRoute(store) },
  };
  return (scope) => {
    for (const [url, handlers] of Object.entries(resources)) addResource(scope, url, handlers, false);
  };
}
