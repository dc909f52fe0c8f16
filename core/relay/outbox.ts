/**
 * Gives out frames of what has been collected: one for each turn of the event loop in which something was, and
 * none while the writer does not ask, so that a backed-up connection makes frames fewer and larger.
 */
export class Outbox<Frame> implements AsyncIterable<Frame>, AsyncIterator<Frame, undefined> {
  readonly #take: () => Frame;
  #marked = false;
  #closed = false;
  #asked: ((result: IteratorResult<Frame, undefined>) => void) | undefined;
  #scheduled = false;

  /** `take` empties what has been collected into a frame. */
  constructor(take: () => Frame) {
    this.#take = take;
  }

  /** Says that something has been collected. */
  mark(): void {
    this.#marked = true;
    if (this.#asked !== undefined) this.#schedule();
  }

  /** Ends the frames, without giving out what has been collected. */
  close(): void {
    this.#closed = true;
    this.#asked?.({ value: undefined, done: true });
    this.#asked = undefined;
  }

  next(): Promise<IteratorResult<Frame, undefined>> {
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#asked = resolve;
      if (this.#marked) this.#schedule();
    });
  }

  return(): Promise<IteratorResult<Frame, undefined>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** After all callbacks and microtasks of this turn. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed || this.#asked === undefined) return;
      const resolve = this.#asked;
      this.#asked = undefined;
      this.#marked = false;
      resolve({ value: this.#take(), done: false });
    });
  }
}
