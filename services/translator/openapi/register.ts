import type { FastifyInstance } from "fastify";
import { apiMounts } from "../http/resource.ts";

/** `/openapi.json`, at the root and at both mounts. It asks for no key: what is served is no secret. */
export function registerOpenApi(app: FastifyInstance): void {
  let document: Promise<string> | undefined;
  for (const prefix of ["", ...apiMounts])
    app.get(`${prefix}/openapi.json`, async (_request, reply) => {
      document ??= describe();
      return reply.type("application/json; charset=utf-8").send(await document);
    });
}

/** Most processes are never asked, so what it takes is loaded when the first one asks. */
async function describe(): Promise<string> {
  const [{ descriptions }, { toDocument }] = await Promise.all([
    import("./descriptions.ts"),
    import("./document.ts"),
  ]);
  return JSON.stringify(toDocument(descriptions));
}
