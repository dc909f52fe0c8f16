import type { FastifyInstance } from "fastify";

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
