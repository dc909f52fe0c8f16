import { linkSignal } from "./link-signal.ts";

/**
 * Runs `open` under a signal that aborts when `outer` does or the consumer leaves. Use it for every client stream, because
 * leaving a `for await` over a gRPC stream does not cancel it.
 */
export async function* scoped<T>(
  outer: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  outer.throwIfAborted();
  const scope = linkSignal(outer);
  try {
    yield* open(scope.signal);
  } finally {
    scope.unlink();
    scope.abort();
  }
}
