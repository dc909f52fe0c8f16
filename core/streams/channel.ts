import type { PushEnd, PushSource, Sink } from "./push.ts";

/** How a channel counts, combines and lets go. */
export interface ChannelOptions<T> {
  /** The most that may wait, in the units of `sizeOf`. */
  readonly capacity: number;
  /** What a value counts for; absent: every value counts 1. */
  readonly sizeOf?: (value: T) => number;
  /** Combines a value with the one that waits last, or returns undefined when the two must stay apart. */
  readonly merge?: (last: T, next: T) => T | undefined;
  /** Called once when the reader leaves before the end. */
  readonly onLeave?: () => void;
}

/**
 * A bounded queue with one writer and one reader, read with `for await` or pushed. A hand-written iterator,
 * because it costs half of an async generator (0.6 µs per value on Node 24).
 */
export class Channel<T> implements AsyncIterable<T>, PushSource<T> {
  // In the order of their use, so that a value that is handed through touches the first of them only.
  #ended = false;
  /** Where values go as they come, while they are pushed. */
  #sink: Sink<T> | undefined;
  #pushed: PromiseWithResolvers<PushEnd> | undefined;
  #reader: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void } | undefined;
  #values: T[] = [];
  #size = 0;
  #failure: { error: unknown } | undefined;
  readonly #options: ChannelOptions<T>;

  constructor(options: ChannelOptions<T>) {
    this.#options = options;
  }

  /** True once `close` or `fail` was called or the reader has left: nothing more is taken. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What waits to be read, in the units of `sizeOf`. */
  get size(): number {
    return this.#size;
  }

  /** Hands over a value. False when it was not taken: the channel is full, or has ended. */
  push(value: T): boolean {
    if (this.#ended) return false;
    if (this.#sink !== undefined) {
      this.#give(this.#sink, value);
      return true;
    }
    if (this.#reader !== undefined) {
      const { resolve } = this.#reader;
      this.#reader = undefined;
      resolve({ value, done: false });
      return true;
    }
    const size = this.#options.sizeOf?.(value) ?? 1;
    if (this.#size > 0 && this.#size + size > this.#options.capacity) return false;
    this.#size += size;
    const last = this.#values.at(-1);
    const merged = last === undefined ? undefined : this.#options.merge?.(last, value);
    if (merged === undefined) this.#values.push(value);
    else this.#values[this.#values.length - 1] = merged;
    return true;
  }

  /** Ends the channel after what waits. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reader?.resolve({ value: undefined, done: true });
    this.#reader = undefined;
    this.#endPush()?.resolve("ended");
  }

  /** Ends the channel with an error, after what waits. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#reader ?? this.#endPush();
    if (waiting === undefined) this.#failure = { error };
    else waiting.reject(error);
    this.#reader = undefined;
  }

  pushTo(sink: Sink<T>): Promise<PushEnd> {
    const pushed = Promise.withResolvers<PushEnd>();
    this.#sink = sink;
    this.#pushed = pushed;
    while (this.#pushed === pushed && this.#values.length > 0) this.#give(sink, this.#shift());
    if (this.#pushed !== pushed || !this.#ended) return pushed.promise;
    this.#endPush();
    if (this.#failure === undefined) pushed.resolve("ended");
    else pushed.reject(this.#failure.error);
    this.#failure = undefined;
    return pushed.promise;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#values.length > 0) {
      return Promise.resolve({ value: this.#shift(), done: false });
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** The reader leaves. */
  return(): Promise<IteratorResult<T, undefined>> {
    const left = !this.#ended;
    this.#values = [];
    this.#size = 0;
    this.#failure = undefined;
    this.close();
    if (left) this.#options.onLeave?.();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes out what has waited longest. */
  #shift(): T {
    const value = this.#values.shift() as T;
    this.#size = this.#values.length === 0 ? 0 : this.#size - (this.#options.sizeOf?.(value) ?? 1);
    return value;
  }

  #give(sink: Sink<T>, value: T): void {
    try {
      if (!sink.take(value)) this.#endPush()?.resolve("stopped");
    } catch (error) {
      this.#endPush()?.reject(error);
      void this.return();
    }
  }

  /** Gives nothing more to the sink; returns what waits for the end of the push, if anything does. */
  #endPush(): PromiseWithResolvers<PushEnd> | undefined {
    const pushed = this.#pushed;
    this.#sink = undefined;
    this.#pushed = undefined;
    return pushed;
  }
}
