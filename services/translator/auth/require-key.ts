import type { FastifyReply, FastifyRequest } from "fastify";
import type { Authenticate, Credentials } from "./keys.ts";

/** A hook that runs before anything of a request's body is read. */
export type RequestHook = (request: FastifyRequest, reply: FastifyReply, next: () => void) => void;

/** Lets only those requests in whose key is right, before anything else of them is looked at; notes whose it is. */
export const requireKey =
  (authenticate: Authenticate, toCredentials = bearerCredentials): RequestHook =>
  (request, _reply, next) => {
    request.userId = authenticate(toCredentials(request));
    next();
  };

/** The key as OpenAI's clients send it: `Authorization: Bearer`. */
export const bearerCredentials = ({ headers }: FastifyRequest): Credentials => ({
  authorization: headers.authorization,
  userId: headers["x-user-id"] as string | undefined,
});

/**
 * The key as Anthropic's clients send it, in `x-api-key`, or else as OpenAI's do. Where both come the former counts:
 * it is what Anthropic's own clients call the key.
 */
export function apiKeyCredentials(request: FastifyRequest): Credentials {
  const key = request.headers["x-api-key"];
  const credentials = bearerCredentials(request);
  return typeof key === "string" ? { ...credentials, authorization: `Bearer ${key}` } : credentials;
}
