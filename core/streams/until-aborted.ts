/** Reads a source until it ends or the signal aborts: then a pending read rejects at once, and the source is stopped. */
export function untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterableIterator<T> {
  const inner = source[Symbol.asyncIterator]();
  let rejectPending: ((reason: unknown) => void) | undefined;
  let listening = true;
  const onAbort = () => {
    stopListening();
    rejectPending?.(signal.reason);
    stop();
  };
  const stopListening = () => {
    if (!listening) return;
    listening = false;
    signal.removeEventListener("abort", onAbort);
  };
  // A generator in the middle of a read stops only when that read settles, so this does not wait for it.
  const stop = () => void Promise.resolve(inner.return?.()).catch(() => {});
  if (signal.aborted) queueMicrotask(onAbort);
  else signal.addEventListener("abort", onAbort, { once: true });

  return {
    next() {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise<IteratorResult<T>>((resolve, reject) => {
        rejectPending = reject;
        inner.next().then(
          (result) => {
            rejectPending = undefined;
            if (result.done) stopListening();
            resolve(result);
          },
          (error: unknown) => {
            rejectPending = undefined;
            stopListening();
            reject(error);
          },
        );
      });
    },
    async return(value?: unknown) {
      stopListening();
      if (!signal.aborted) await inner.return?.();
      return { value: value as T, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
