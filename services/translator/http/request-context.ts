import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../../core/clock.ts";
import type { Principal } from "../auth/principal.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** When its head had arrived, in milliseconds on the clock. */
    receivedAt: number;
    /** Who sends it; only where a key is asked for. */
    principal: Principal;
  }
}

/** Gives every request its fields. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest("receivedAt", 0);
  app.decorateRequest("principal", null as unknown as Principal);
}

/** What `openai-processing-ms` says: from the head of the request to that of the response. */
export const processingMs = (request: FastifyRequest, clock: Clock): number =>
  Math.max(0, Math.round(clock.now() - request.receivedAt));

/** The address without its query, which may hold secrets. */
export function pathOf(request: FastifyRequest): string {
  const { url } = request.raw;
  return (url ?? "/").split("?", 1)[0]!;
}
