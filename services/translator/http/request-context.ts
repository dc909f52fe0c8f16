import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../../core/clock.ts";
import { cacheSaltHeader } from "../../../core/generation/cache-salt.ts";
import { hopLimit, hopsHeader, viaHeader } from "../../../core/hops.ts";
import type { Caller } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { cacheSaltOf, type PrefixCache } from "../auth/cache-salt.ts";
import type { Principal } from "../auth/require-key.ts";
import { loopDetected } from "../errors/http-faults.ts";

declare module "fastify" {
  interface FastifyInstance {
    prefixCache: PrefixCache;
  }
  interface FastifyRequest {
    /** When its headers arrived, in milliseconds on the clock. */
    receivedAt: number;
    /** Size of the body in bytes, once it has arrived in full. */
    bodyBytes: number;
    /** Set only on routes that require a key. */
    principal: Principal;
  }
}

export function decorateRequests(app: FastifyInstance, prefixCache: PrefixCache): void {
  app.decorate("prefixCache", prefixCache);
  app.decorateRequest("receivedAt", 0);
  app.decorateRequest("bodyBytes", 0);
  app.decorateRequest("principal", null as unknown as Principal);
}

/** The value of `openai-processing-ms`: from the request's headers to the response's. */
export const processingMs = (request: FastifyRequest, clock: Clock): number =>
  Math.max(0, Math.round(clock.now() - request.receivedAt));

/** The URL without its query, which may hold secrets. */
export const pathOf = ({ raw }: FastifyRequest): string => (raw.url ?? "/").split("?", 1)[0]!;

/** A new id with a prefix that names its kind: `req_`, `chatcmpl-`, `call_`. 122 random bits. */
export const newId = (prefix: string): string => prefix + randomUUID().replaceAll("-", "");

/** The id of a request in `x-request-id`, error reports and logs: the caller's if it is printable, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const sent = headers["x-request-id"];
  return typeof sent === "string" && printable.test(sent) ? sent : newId("req_");
}

const printable = /^[\w.~+/=:@-]{1,128}$/;

/** The caller of a request's generations, as its key and headers show. */
export const callerOf = ({ principal, id, headers, server }: FastifyRequest): Caller => ({
  $typeName: "cxmpute.generation.v1.Caller",
  userId: principal.userId,
  fairnessId: principal.fairnessId ?? "",
  keyId: principal.keyId,
  projectId: principal.projectId,
  requestId: id,
  hops: hopsOf(headers),
  via: viaOf(headers),
  cacheSalt: cacheSaltOf(principal.userId, server.prefixCache, headers[cacheSaltHeader]),
});

/** Throws `loop_detected` when a request has crossed too many meshes. */
export function checkHops({ hops }: Caller): void {
  if (hops > hopLimit) throw loopDetected();
}

/** The marks of the engines that forwarded the request; empty when the header is malformed. */
function viaOf(headers: IncomingHttpHeaders): string[] {
  const sent = headers[viaHeader];
  return typeof sent === "string" && marks.test(sent) ? sent.split(",") : [];
}

const marks = /^[\w-]{1,32}(?:,[\w-]{1,32}){0,7}$/;

/** How many meshes have forwarded the request; a malformed header counts as 0. */
function hopsOf(headers: IncomingHttpHeaders): number {
  const sent = headers[hopsHeader];
  return typeof sent === "string" && /^\d+$/.test(sent) ? Number(sent) : 0;
}
