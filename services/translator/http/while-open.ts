import type { FastifyReply, FastifyRequest } from "fastify";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { OpenRequest, OpenRequests } from "./open-requests.ts";

/**
 * Answers a request while it is watched for its client to leave. A failure is thrown as `explain` puts it, in the words
 * of the surface; once the client is gone nobody is told anything.
 */
export async function whileOpen(
  openRequests: OpenRequests,
  request: FastifyRequest,
  reply: FastifyReply,
  answer: (open: OpenRequest) => Promise<unknown>,
  explain: (error: MeshError) => MeshError,
): Promise<unknown> {
  const open = openRequests.begin(request.raw);
  try {
    return await answer(open);
  } catch (thrown) {
    if (open.clientGone) return reply.hijack();
    throw explain(toMeshError(thrown));
  } finally {
    open.end();
  }
}
