import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { wrongContentEncoding, wrongMethod } from "../errors/http-faults.ts";
import { parseJsonBody } from "./json-body.ts";
import { pathOf } from "./request-context.ts";

/** The prefixes under which the API is served, all alike. */
export const apiMounts: readonly string[] = ["/v1", "/api/v1"];

/** Registers the same routes below each prefix, each time in a scope of their own with its own hooks and error handler. */
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

/** Lets the routes of a scope take JSON, and bodies of no other type. */
export function takeJson(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, parseJsonBody(body as Buffer)),
  );
}

/** Those that some address has. */
export const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** Answers a request. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * Serves one address with a handler for each of its methods; any other method is refused with a word on which there
 * are. `hasHead`: whether HEAD is answered where GET is.
 */
export function addResource(
  scope: FastifyInstance,
  url: string,
  handlers: Partial<Record<(typeof methods)[number], Handler>>,
  hasHead = true,
): void {
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

/** Clients do not compress prompts, and a small body that unfolds to gigabytes is an attack. */
async function refuseEncoding({ headers }: FastifyRequest): Promise<void> {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw wrongContentEncoding(encoding);
}
