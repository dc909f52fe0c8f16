import { hash } from "node:crypto";

/** Whose prompts share the prefix caches of engines: those of one user, or everyone's. */
export const prefixCaches = ["user", "shared"] as const;
export type PrefixCache = (typeof prefixCaches)[number];

/**
 * `Caller.cache_salt` for requests of a user: equal in every translator, and it does not show who it is. `forwarded`: the
 * salt that another mesh sent along for its own caller.
 */
export function cacheSaltOf(userId: string, prefixCache: PrefixCache, forwarded: unknown): string {
  const within = typeof forwarded === "string" && saltForm.test(forwarded) ? forwarded : "";
  if (prefixCache === "shared" && within === "") return "";
  const owner = prefixCache === "shared" ? [] : [userId];
  return hash("sha256", JSON.stringify(["cxmpute cache salt", within, ...owner])).slice(0, 32);
}

const saltForm = /^[\w-]{1,64}$/;
