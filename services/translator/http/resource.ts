import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { wrongContentEncoding, wrongMethod } from "../errors/http-faults.ts";
import { readJson } from "./read-body.ts";
import { pathOf } from "./request-context.ts";

/** The prefixes that the API is served under. */
export const apiMounts: readonly string[] = ["/v1", "/api/v1"];

/** Registers the same routes under each prefix, each time in a scope with its own hooks and error handler. */
export function registerAtMounts(
  app: FastifyInstance,
  registerRoutes: (scope: FastifyInstance) => void,
): void {
  for (const prefix of apiMounts)
    app.register(
      (scope, _options, done) => {
        registerRoutes(scope);
        done();
      },
      { prefix },
    );
}

/** Accepts JSON bodies, and no others, in a scope. */
export function takeJson(scope: FastifyInstance): void {
  scope.addContentTypeParser("application/json", readJson);
}

export const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** The handlers of one path, by method. */
export type Resource = Partial<
  Record<(typeof methods)[number], (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>>
>;

/** Serves one path; other methods are rejected. `hasHead`: whether HEAD is answered where GET is. */
export function addResource(scope: FastifyInstance, url: string, handlers: Resource, hasHead = true): void {
  const allowed = methods.filter((method) => handlers[method] !== undefined);
  for (const method of allowed)
    scope.route({
      method,
      url,
      exposeHeadRoute: hasHead,
      onRequest: refuseEncoding,
      handler: handlers[method]!,
    });
  scope.route({
    method: methods.filter((method) => !allowed.includes(method)),
    url,
    exposeHeadRoute: false,
    onRequest: (request) => {
      throw wrongMethod(request.method, pathOf(request), allowed.join(", "));
    },
    handler: async () => undefined,
  });
}

/** Decompression is refused: a small body may expand to gigabytes, and clients do not compress prompts. */
async function refuseEncoding({ headers }: FastifyRequest): Promise<void> {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw wrongContentEncoding(encoding);
}
