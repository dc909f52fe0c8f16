import type { FastifyReply, FastifyRequest } from "fastify";

/** What a page may read of an answer, beyond what browsers always allow. */
const exposed = [
  "x-request-id",
  "request-id",
  "openai-processing-ms",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "www-authenticate",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
].join(", ");

/** On every answer to a page. Any origin may ask: what counts is the key, and browsers send none by themselves. */
const answerHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": exposed,
};

/** How long a browser may remember the answer to a preflight, in seconds; Chromium's own limit. */
const maxAgeSeconds = 7200;

/** Adds what a browser needs to let its page read the answer. */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers.origin !== undefined) reply.headers(answerHeaders);
}

/**
 * Answers a preflight: whatever headers the page wants to send it may, for SDKs send more than a dozen of their
 * own and invent new ones.
 */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply): void {
  const wanted = request.headers["access-control-request-headers"];
  void reply
    .code(204)
    .headers({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": wanted ?? "authorization, content-type",
      "access-control-max-age": maxAgeSeconds,
    })
    .send();
}
