import type { FastifyReply, FastifyRequest } from "fastify";

/** Response headers that pages may read, beyond those that browsers always allow. */
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

/** Any origin is allowed: access depends on the key, which browsers never send by themselves. */
const answerHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": exposed,
};

/** How long browsers may cache a preflight, in seconds; Chromium's limit. */
const maxAgeSeconds = 7200;

/** Lets the page that sent the request read the answer. */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers.origin !== undefined) reply.headers(answerHeaders);
}

/** Answers a preflight. All request headers are allowed: SDKs send more than a dozen of their own. */
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
