import type { Clock, Timer } from "../clock.ts";

/** How to make an outbox. */
export interface OutboxOptions<Frame> {
  readonly clock: Clock;
  /** Makes a frame of what has been collected; what it throws fails the read. */
  readonly take: () => Frame;
  /** The least time between frames, in milliseconds; default: none. */
  readonly gapMs?: () => number;
}

/** Yields frames of what has been collected: at most one for each turn of the event loop, fewer to a slow reader. */
export class Outbox<Frame> implements AsyncIterable<Frame>, AsyncIterator<Frame, undefined> {
  readonly #options: OutboxOptions<Frame>;
  #marked = false;
  #ending = false;
  #closed = false;
  #asked: PromiseWithResolvers<IteratorResult<Frame, undefined>> | undefined;
  #scheduled = false;
  #wait: Timer | undefined;
  #lastFrameAt = Number.NEGATIVE_INFINITY;

  constructor(options: OutboxOptions<Frame>) {
    this.#options = options;
  }

  mark(): void {
    this.#marked = true;
    if (this.#asked !== undefined) this.#schedule();
  }

  /** Ends after one more frame with what has been collected, if anything has. */
  end(): void {
    this.#ending = true;
    if (!this.#marked) this.close();
  }

  /** Ends at once, without what has been collected. */
  close(): void {
    this.#closed = true;
    this.#wait?.cancel();
    this.#asked?.resolve({ value: undefined, done: true });
    this.#asked = undefined;
  }

  next(): Promise<IteratorResult<Frame, undefined>> {
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    this.#asked = Promise.withResolvers();
    if (this.#marked) this.#schedule();
    return this.#asked.promise;
  }

  return(): Promise<IteratorResult<Frame, undefined>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { clock, gapMs } = this.#options;
    const waitMs = gapMs === undefined ? 0 : this.#lastFrameAt + gapMs() - clock.now();
    // Timers count whole milliseconds: less is not worth one.
    if (waitMs >= 1) this.#wait = clock.after(waitMs, this.#give);
    // After all callbacks and microtasks of this turn.
    else setImmediate(this.#give);
  }

  readonly #give = (): void => {
    this.#scheduled = false;
    if (this.#closed || this.#asked === undefined) return;
    const { clock, take, gapMs } = this.#options;
    if (gapMs !== undefined) this.#lastFrameAt = clock.now();
    const { resolve, reject } = this.#asked;
    this.#asked = undefined;
    this.#marked = false;
    try {
      resolve({ value: take(), done: false });
    } catch (error) {
      reject(error);
    }
    if (this.#ending) this.close();
  };
}
