import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";

/** Settles as the promise does, or rejects with the signal's reason as soon as it aborts. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Runs `attempt` under a signal that follows `outer` and aborts with `deadline` after `limitMs`. Rejects at once
 * when that signal aborts, even when the attempt is slow to notice.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  outer: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const scope = linkSignal(outer);
  const timer = clock.after(limitMs, () =>
    scope.abort(new MeshError("deadline", `There was no answer within ${limitMs} ms.`)),
  );
  try {
    return await orAborted(attempt(scope.signal), scope.signal);
  } finally {
    timer.cancel();
    scope.unlink();
  }
}
