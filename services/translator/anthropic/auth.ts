import type { onRequestHookHandler } from "fastify";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Authenticate } from "../auth/keys.ts";

/**
 * As `requireKey`, for clients that send the key in `x-api-key`; `Authorization: Bearer` does as well. Where both
 * come the former counts: it is what Anthropic's own clients call the key.
 */
export const requireApiKey =
  (authenticate: Authenticate): onRequestHookHandler =>
  (request, _reply, next) => {
    const { "x-api-key": key, authorization, "x-user-id": userId } = request.headers;
    const credentials = {
      authorization: typeof key === "string" ? `Bearer ${key}` : authorization,
      userId: userId as string | undefined,
    };
    try {
      request.userId = authenticate(credentials);
    } catch (error) {
      throw credentials.authorization === undefined ? missingKey() : error;
    }
    next();
  };

const missingKey = () =>
  new MeshError(
    "unauthenticated",
    "x-api-key header is required. Send your key in it, or in an Authorization header as Bearer YOUR_KEY.",
  );
