import type { onRequestHookHandler } from "fastify";
import type { Authenticate } from "./keys.ts";

/** Lets only those requests in whose key is right, before anything else of them is looked at; notes whose it is. */
export const requireKey =
  (authenticate: Authenticate): onRequestHookHandler =>
  (request, _reply, next) => {
    const { authorization, "x-user-id": userId } = request.headers;
    request.userId = authenticate({ authorization, userId: userId as string | undefined });
    next();
  };
