import type { Context } from "./context.ts";

/** An input as a vector. */
export interface Embedding {
  /** Of length 1, unless the model gives nothing but zeros. */
  readonly values: number[];
  /** Tokens that were read, those that the model wants around every input included. */
  readonly tokens: number;
}

/** What a model wants around every input; undefined where it wants nothing. */
export interface Around {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/**
 * Turns inputs into vectors, one at a time, in a context of its own, which is made when it is first needed: most
 * models are never asked for vectors, and it takes memory.
 */
export class Embedder {
  readonly #open: () => Promise<Context>;
  readonly #around: Around;
  #context: Promise<Context> | undefined;
  /** Settles when nothing is at work. */
  #work: Promise<unknown> = Promise.resolve();

  /** `open`: makes a context of one sequence. */
  constructor(open: () => Promise<Context>, around: Around) {
    this.#open = open;
    this.#around = around;
  }

  /** The vector of these tokens. Rejects when there is no memory for the context. */
  embed(tokens: readonly number[]): Promise<Embedding> {
    const work = this.#work.then(() => this.#compute(tokens));
    this.#work = work.catch(() => {});
    return work;
  }

  /** Waits for what is at work, and frees the memory. */
  async close(): Promise<void> {
    await this.#work;
    const context = await this.#context?.catch(() => undefined);
    await context?.close();
  }

  async #compute(tokens: readonly number[]): Promise<Embedding> {
    this.#context ??= this.#open();
    let context: Context;
    try {
      context = await this.#context;
    } catch (error) {
      // There may be memory the next time.
      this.#context = undefined;
      throw error;
    }
    const input = this.#surround(tokens);
    const [sequence] = context.sequences;
    await sequence!.clear();
    const vector = await sequence!.evaluate(input, () => context.native.getEmbedding(input.length));
    return { values: toUnit(vector), tokens: input.length };
  }

  #surround(tokens: readonly number[]): number[] {
    const { before, after } = this.#around;
    const input = [...tokens];
    if (before !== undefined && input[0] !== before) input.unshift(before);
    if (after !== undefined && input.at(-1) !== after) input.push(after);
    return input;
  }
}

/** The same direction with length 1. */
function toUnit(vector: Float64Array): number[] {
  const length = Math.hypot(...vector);
  return Array.from(vector, (value) => (length === 0 ? value : value / length));
}
