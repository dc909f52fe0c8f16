/** How pushing came to its end: the source ended, or the sink asked for no more now. */
export type PushEnd = "ended" | "stopped";

/**
 * Takes values as they come. An object and no function, so that what a value passes on its way is one object for
 * each hop: with a thousand streams none of them stays in the processor's cache, and every object more that a
 * token touches costs the time of a read from memory.
 */
export interface Sink<T> {
  /** Takes a value. False: this one was taken, but no more for now. */
  take(value: T): boolean;
}

/**
 * An iterator that can also hand its values over as they come, in the turn in which they come, without a promise
 * for each: on the way of every token that is worth two microseconds for each process (Node 24).
 */
export interface PushSource<T> extends AsyncIterator<T> {
  /**
   * Gives `sink` each value in order until it wants no more or the source ends. Rejects with what the source fails
   * with, or with what the sink throws, which makes the source end as if its reader had left. Reading goes on
   * afterwards with `next` or with another `pushTo`; not meanwhile.
   */
  pushTo(sink: Sink<T>): Promise<PushEnd>;
}

/** Pushes the values of any iterator: by its own `pushTo` where it has one, else by reading. */
export async function pushTo<T>(source: AsyncIterator<T>, sink: Sink<T>): Promise<PushEnd> {
  if (isPushSource(source)) return source.pushTo(sink);
  for (;;) {
    const result = await source.next();
    if (result.done === true) return "ended";
    let more: boolean;
    try {
      more = sink.take(result.value);
    } catch (error) {
      await source.return?.();
      throw error;
    }
    if (!more) return "stopped";
  }
}

function isPushSource<T>(source: AsyncIterator<T>): source is PushSource<T> {
  return "pushTo" in source;
}
