import type { FastifyInstance } from "fastify";
import { apiMounts } from "../http/resource.ts";

/** Serves `/openapi.json` at the root and at both mounts. It requires no key: the API is no secret. */
export function registerOpenApi(app: FastifyInstance): void {
  // Loaded on first use: most processes are never asked.
  let document: Promise<string> | undefined;
  const load = async () => JSON.stringify((await import("./document.ts")).toDocument());
  for (const prefix of ["", ...apiMounts])
    app.get(`${prefix}/openapi.json`, async (_request, reply) => {
      document ??= load();
      return reply.type("application/json; charset=utf-8").send(await document);
    });
}
