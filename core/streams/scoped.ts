import { linkSignal } from "./link-signal.ts";

/** Aborts `open`'s signal when `outer` aborts or the consumer leaves: leaving alone does not cancel a gRPC stream. */
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
