import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { toMeshError } from "../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import type { ListModels } from "./models/model-list.ts";

export const liveness = z.object({ status: z.literal("ok"), service: z.literal("cxmpute") });
export const readiness = z.object({ status: z.literal("ready") });
export const notReady = z.object({ status: z.literal("not ready"), reason: z.string() });

/**
 * `/healthz`: the process answers, and identifies itself so that a mesh does not take itself for an engine.
 * `/readyz`: some model can be served, or the reason why none can. Neither requires a key.
 */
export function registerHealth(
  app: FastifyInstance,
  { listModels, isDraining }: { readonly listModels: ListModels; readonly isDraining: () => boolean },
): void {
  app.get("/healthz", async () => ({ status: "ok", service: "cxmpute" }));
  app.get("/readyz", async (_request, reply) => {
    const reason = isDraining() ? shuttingDown : await whyNotReady(listModels);
    return reason === undefined ? { status: "ready" } : reply.code(503).send({ status: "not ready", reason });
  });
}

/** Why no model can be served now; undefined when one can. */
export async function whyNotReady(listModels: ListModels): Promise<string | undefined> {
  try {
    const models = await listModels();
    return models.length > 0 ? undefined : "No node serves a model yet.";
  } catch (error) {
    return `Which models can be served is not known: ${toMeshError(error).message}`;
  }
}
