import type { FastifyReply, FastifyRequest } from "fastify";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Authenticate, Credentials } from "./principal.ts";

/** A hook that runs before anything of a request's body is read. */
export type RequestHook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Lets only those requests in whose key is right, before anything else of them is looked at; notes whose it is. */
export const requireKey =
  (authenticate: Authenticate, toCredentials = bearerCredentials): RequestHook =>
  (request, reply) =>
    identify(authenticate, toCredentials(request), request, reply);

/** As `requireKey`, for Anthropic's clients, which read that they are to send `x-api-key` when there is no key at all. */
export const requireApiKey =
  (authenticate: Authenticate): RequestHook =>
  async (request, reply) => {
    const credentials = apiKeyCredentials(request);
    try {
      await identify(authenticate, credentials, request, reply);
    } catch (error) {
      throw credentials.authorization === undefined ? missingApiKey() : error;
    }
  };

/** The key as OpenAI's clients send it: `Authorization: Bearer`. */
const bearerCredentials = ({ headers }: FastifyRequest): Credentials => ({
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

/** Asks for no longer than the client waits. */
async function identify(
  authenticate: Authenticate,
  credentials: Credentials,
  request: FastifyRequest,
  { raw }: FastifyReply,
): Promise<void> {
  const waiting = new AbortController();
  const leave = () => waiting.abort(new MeshError("cancelled", "The client closed the connection."));
  raw.once("close", leave);
  try {
    request.principal = await authenticate(credentials, waiting.signal);
  } finally {
    raw.off("close", leave);
  }
}

const missingApiKey = () =>
  new MeshError(
    "unauthenticated",
    "x-api-key header is required. Send your key in it, or in an Authorization header as Bearer YOUR_KEY.",
  );
