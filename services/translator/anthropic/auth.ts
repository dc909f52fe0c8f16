import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Authenticate } from "../auth/keys.ts";
import { apiKeyCredentials, type RequestHook } from "../auth/require-key.ts";

/** As `requireKey`, for clients that send the key in `x-api-key`; `Authorization: Bearer` does as well. */
export const requireApiKey =
  (authenticate: Authenticate): RequestHook =>
  (request, _reply, next) => {
    const credentials = apiKeyCredentials(request);
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
