import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../../core/clock.ts";
import type { Principal } from "../auth/principal.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** When its headers arrived, in milliseconds on the clock. */
    receivedAt: number;
    /** Set only on routes that require a key. */
    principal: Principal;
  }
}

/** Declares the fields above on every request. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest("receivedAt", 0);
  app.decorateRequest("principal", null as unknown as Principal);
}

/** The value of `openai-processing-ms`: from the request's headers to the response's. */
export const processingMs = (request: FastifyRequest, clock: Clock): number =>
  Math.max(0, Math.round(clock.now() - request.receivedAt));

/** The URL without its query, which may hold secrets. */
export function pathOf(request: FastifyRequest): string {
  const { url } = request.raw;
  return (url ?? "/").split("?", 1)[0]!;
}
