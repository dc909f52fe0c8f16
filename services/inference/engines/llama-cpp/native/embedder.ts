import type { LlamaEmbeddingContext, LlamaModel, Token } from "node-llama-cpp";

/** An input as a vector. */
export interface Embedding {
  /** Of length 1, unless the model gives nothing but zeros. */
  readonly values: number[];
  /** Tokens that were read, those that the model wants around every input included. */
  readonly tokens: number;
}

/** How to make its context. */
export interface EmbedderOptions {
  readonly contextSize: number;
  /** Threads that compute. */
  readonly threads: number;
}

/**
 * Turns inputs into vectors, one at a time, in a context of its own, which is made when it is first needed: most
 * models are never asked for vectors, and it takes memory.
 */
export class Embedder {
  readonly #model: LlamaModel;
  readonly #options: EmbedderOptions;
  #context: Promise<LlamaEmbeddingContext> | undefined;
  /** Settles when nothing is at work. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(model: LlamaModel, options: EmbedderOptions) {
    this.#model = model;
    this.#options = options;
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
    await context?.dispose();
  }

  async #compute(tokens: readonly number[]): Promise<Embedding> {
    this.#context ??= this.#model.createEmbeddingContext(this.#options);
    let context: LlamaEmbeddingContext;
    try {
      context = await this.#context;
    } catch (error) {
      // There may be memory the next time.
      this.#context = undefined;
      throw error;
    }
    // The library puts what the model wants around an input into the array that it is given.
    const input = [...tokens] as Token[];
    const { vector } = await context.getEmbeddingFor(input);
    return { values: toUnit(vector), tokens: context.calculateInputLength([...tokens] as Token[]) };
  }
}

/** The same direction with length 1. */
function toUnit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? [...vector] : vector.map((value) => value / length);
}
