import type { AddonContext } from "./addon.ts";
import type { Batcher } from "./batcher.ts";

/** One sequence of a context and its computed tokens. One call at a time. */
export class Sequence {
  readonly #id: number;
  readonly #context: AddonContext;
  readonly #batcher: Batcher;
  readonly #held: number[] = [];

  constructor(id: number, context: AddonContext, batcher: Batcher) {
    this.#id = id;
    this.#context = context;
    this.#batcher = batcher;
  }

  get length(): number {
    return this.#held.length;
  }

  /** Length of the common prefix with these tokens. */
  sharedLength(tokens: readonly number[]): number {
    const different = this.#held.findIndex((token, index) => token !== tokens[index]);
    return different < 0 ? this.#held.length : different;
  }

  /** Removes what differs from these tokens; everything in recurrent models and past a sliding window. */
  async keep(tokens: readonly number[]): Promise<void> {
    const shared = this.sharedLength(tokens);
    if (shared === this.length) return;
    await this.#batcher.change(() => {
      const isThere = shared > Math.max(0, this.#context.getSequenceKvCacheMinPosition(this.#id));
      if (isThere && this.#context.removeTokenCellsFromSequence(this.#id, shared, this.length))
        this.#held.length = shared;
      else this.#forget();
    });
  }

  /** Removes everything, including remains of a failed computation. */
  clear(): Promise<void> {
    return this.#batcher.change(() => this.#forget());
  }

  /** Appends tokens. The caller ensures that there is room. */
  async compute(tokens: readonly number[]): Promise<void> {
    await this.#batcher.compute(this.#id, this.length, Uint32Array.from(tokens));
    this.#hold(tokens);
  }

  /** Appends tokens and returns what `read` makes of the last one's logits, at their batch index. */
  async evaluate<T>(tokens: readonly number[], read: (place: number) => T | Promise<T>): Promise<T> {
    const result = await this.#batcher.compute(this.#id, this.length, Uint32Array.from(tokens), read);
    this.#hold(tokens);
    return result;
  }

  #hold(tokens: readonly number[]): void {
    for (const token of tokens) this.#held.push(token);
  }

  #forget(): void {
    this.#context.disposeSequence(this.#id);
    this.#held.length = 0;
  }
}
