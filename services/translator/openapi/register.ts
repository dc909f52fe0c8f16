import type { FastifyInstance } from "fastify";
import { apiMounts } from "../http/resource.ts";

/** Serves `/openapi.json` at the root and at both mounts. It requires no key: the API is no secret. */
export function registerOpenApi(app: FastifyInstance): void {
  let document: Promise<string> | undefined;
  for (const prefix of ["", ...apiMounts])
    app.get(`${prefix}/openapi.json`, async (_request, reply) => {
      document ??= describe();
      return reply.type("application/json; charset=utf-8").send(await document);
    });
}

/** Loaded on first use: most processes are never asked. */
async function describe(): Promise<string> {
  const [{ descriptions }, { toDocument }] = await Promise.all([
    import("./descriptions.ts"),
    import("./document.ts"),
  ]);
  return JSON.stringify(toDocument(descriptions));
}
