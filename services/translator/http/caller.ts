import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { hopLimit, hopsHeader, viaHeader } from "../../../core/hops.ts";
import type { Caller } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { loopDetected } from "../errors/http-faults.ts";

/** The sender of a request, as far as its headers and key show. */
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

/** The caller of a request's generations. Throws `loop_detected` when the request has crossed too many meshes. */
export const callerOf = (request: FastifyRequest): Caller => toCaller(callerFacts(request));

/** As `callerOf`, from known facts. */
export function toCaller(facts: CallerFacts): Caller {
  if (facts.hops > hopLimit) throw loopDetected();
  return { $typeName: "cxmpute.generation.v1.Caller", ...facts };
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
