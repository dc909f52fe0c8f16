import { inOwnTurn } from "../../../../../core/streams/own-turn.ts";

/** Work in slices: each `yield` is a place where others may go first. A slice should take at most 20 ms. */
export type Sliced<T> = Generator<undefined, T, void>;

/** Runs the work, in turns of its own once it takes long. Rejects with the signal's reason once it aborts. */
export async function inSlices<T>(work: Sliced<T>, signal: AbortSignal): Promise<T> {
  let slice = runFor(turnMs, work);
  while (slice.done !== true) {
    slice = await inOwnTurn(() => runFor(turnMs, work));
    signal.throwIfAborted();
  }
  return slice.value;
}

/** Runs all of the work at once. */
export function atOnce<T>(work: Sliced<T>): T {
  const slice = runFor(Number.POSITIVE_INFINITY, work);
  return (slice as IteratorReturnResult<T>).value;
}

/** Runs slices until some time has passed. */
function runFor<T>(durationMs: number, work: Sliced<T>): IteratorResult<undefined, T> {
  const until = performance.now() + durationMs;
  let slice = work.next();
  while (slice.done !== true && performance.now() < until) slice = work.next();
  return slice;
}

const turnMs = 10;
