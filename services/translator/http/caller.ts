import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { hopLimit, hopsHeader, viaHeader } from "../../../core/hops.ts";
import type { Caller } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { goesRound } from "../errors/http-faults.ts";

/** What is known of a caller before it says what it wants. */
export type CallerFacts = Omit<Caller, "$typeName">;

/** Who sends a request. */
export const callerFacts = ({ principal, id, headers }: FastifyRequest): CallerFacts => ({
  userId: principal.userId,
  keyId: principal.keyId,
  projectId: principal.projectId,
  requestId: id,
  hops: hopsOf(headers),
  via: viaOf(headers),
});

/** Who sends a request, for its generations. Throws `loop_detected` when too many meshes have handed it on. */
export const callerOf = (request: FastifyRequest): Caller => toCaller(callerFacts(request));

/** The same of what is known already. */
export function toCaller(facts: CallerFacts): Caller {
  if (facts.hops > hopLimit) throw goesRound();
  return { $typeName: "cxmpute.generation.v1.Caller", ...facts };
}

/** The marks of the engines that have handed a request on; none when there is anything else. */
function viaOf(headers: IncomingHttpHeaders): string[] {
  const sent = headers[viaHeader];
  return typeof sent === "string" && marks.test(sent) ? sent.split(",") : [];
}

const marks = /^[\w-]{1,32}(?:,[\w-]{1,32}){0,7}$/;

/** How many meshes have handed a request on. What is no number counts as none: then a client has made it up. */
function hopsOf(headers: IncomingHttpHeaders): number {
  const sent = headers[hopsHeader];
  return typeof sent === "string" && /^\d+$/.test(sent) ? Number(sent) : 0;
}
