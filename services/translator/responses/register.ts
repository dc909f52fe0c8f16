import type { FastifyInstance, FastifyRequest, RouteHandlerMethod } from "fastify";
import type { GenerationOptions } from "../answers/options.ts";
import { defaultStoreLimits, type StoreLimits } from "../config.ts";
import { wrongMethod } from "../errors/http-faults.ts";
import { refuseEncoding } from "../http/refuse-encoding.ts";
import { pathOf } from "../http/request-context.ts";
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
  const resources: { url: string; handlers: Partial<Record<Method, RouteHandlerMethod>> }[] = [
    { url: "/responses", handlers: { POST: createResponseRoute(options, store) } },
    { url: "/responses/:id", handlers: { GET: createGetRoute(store), DELETE: createDeleteRoute(store) } },
    { url: "/responses/:id/cancel", handlers: { POST: createCancelRoute(store) } },
    { url: "/responses/:id/input_items", handlers: { GET: createInputItemsRoute(store) } },
  ];
  return (scope) => {
    for (const { url, handlers } of resources) {
      const allowed = methods.filter((method) => handlers[method] !== undefined);
      for (const method of allowed)
        scope.route({
          method,
          url,
          handler: handlers[method]!,
          onRequest: refuseEncoding,
          exposeHeadRoute: false,
        });
      scope.route({
        method: methods.filter((method) => !allowed.includes(method)),
        url,
        exposeHeadRoute: false,
        onRequest: (request: FastifyRequest) => {
          throw wrongMethod(request.method, pathOf(request), allowed.join(", "));
        },
        handler: async () => undefined,
      });
    }
  };
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
type Method = (typeof methods)[number];
