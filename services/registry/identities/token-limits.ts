import { MeshError } from "../../../core/errors/mesh-error.ts";

/** How long a join token lives unless told otherwise, and at most, in milliseconds. */
export const longestTokenTtlMs = 10 * 60_000;
const shortestTokenTtlMs = 1000;
/** How many nodes one token lets in at most. */
const mostUses = 1000;

/** What a token is asked for with, its defaults filled in; throws `invalid_request` at what is out of bounds. */
export function checkTokenRequest({ uses, ttlMs }: { readonly uses: number; readonly ttlMs: number }): {
  readonly uses: number;
  readonly ttlMs: number;
} {
  if (uses > mostUses)
    throw new MeshError("invalid_request", `A join token lets in at most ${mostUses} nodes, not ${uses}.`, {
      param: "uses",
    });
  if (ttlMs !== 0 && (ttlMs < shortestTokenTtlMs || ttlMs > longestTokenTtlMs))
    throw new MeshError(
      "invalid_request",
      `A join token lives for ${shortestTokenTtlMs / 1000} s to ${longestTokenTtlMs / 60_000} min, not for ${ttlMs / 1000} s: make it when it is needed.`,
      { param: "ttl_ms" },
    );
  return { uses: uses === 0 ? 1 : uses, ttlMs: ttlMs === 0 ? longestTokenTtlMs : ttlMs };
}
