import type { AddonContext } from "./addon.ts";
import type { Batcher } from "./batcher.ts";

/** One sequence of a context, and the tokens that it holds. One thing at a time. */
export class Sequence {
  readonly #id: number;
  readonly #context: AddonContext;
  readonly #batcher: Batcher;
  readonly #held: number[] = [];

  /** `id`: its number in the context, from 0. */
  constructor(id: number, context: AddonContext, batcher: Batcher) {
    this.#id = id;
    this.#context = context;
    this.#batcher = batcher;
  }

  /** Tokens that are computed. */
  get length(): number {
    return this.#held.length;
  }

  /** Of the tokens that are computed, how many these begin with. */
  sharedLength(tokens: readonly number[]): number {
    const different = this.#held.findIndex((token, index) => token !== tokens[index]);
    return different < 0 ? this.#held.length : different;
  }

  /**
   * Forgets what differs from these tokens. Everything, where llama.cpp cannot forget a part: models with a state
   * instead of a cache cannot, and behind a sliding window what would come before it is gone.
   */
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

  /** Forgets everything, also what a failed computation has left. */
  clear(): Promise<void> {
    return this.#batcher.change(() => this.#forget());
  }

  /** Computes tokens behind those that it holds. The caller makes sure that there is room. */
  async compute(tokens: readonly number[]): Promise<void> {
    await this.#batcher.compute(this.#id, this.length, Uint32Array.from(tokens));
    this.#hold(tokens);
  }

  /** The same, and gives what `read` finds at the place of the last token's logits. */
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
