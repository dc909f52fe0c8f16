import type { PushSource, Sink } from "./push.ts";

/**
 * Reads the next value of a source that hands its values over, for readers that ask for one after the other: the `next`
 * of an iterator. Each value costs a push of its own.
 */
export async function pull<T>(source: Pick<PushSource<T>, "pushTo">): Promise<IteratorResult<T, undefined>> {
  const one = new One<T>();
  return (await source.pushTo(one)) === "ended"
    ? { value: undefined, done: true }
    : { value: one.value as T, done: false };
}

/** Takes one value and no more. */
class One<T> implements Sink<T> {
  value: T | undefined;

  take(value: T): boolean {
    this.value = value;
    return false;
  }
}
