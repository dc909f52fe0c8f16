import type { Clock } from "../clock.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { linkSignal } from "./link-signal.ts";
import { orAborted } from "./or-aborted.ts";

/** Runs `attempt` under a signal that follows `outer` and aborts after `limitMs`; rejects at once when it aborts. */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  outer: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
  toReason: () => Error = () => new MeshError("deadline", `There was no answer within ${limitMs} ms.`),
): Promise<T> {
  outer.throwIfAborted();
  const scope = linkSignal(outer);
  const timer = clock.after(limitMs, () => scope.abort(toReason()));
  try {
    return await orAborted(attempt(scope.signal), scope.signal);
  } finally {
    timer.cancel();
    scope.unlink();
  }
}
