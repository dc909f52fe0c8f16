import { toUnitVector } from "../../embeddings.ts";
import type { Context } from "./context.ts";

/** The embedding of an input. */
export interface Embedding {
  /** A unit vector, or all zeros. */
  readonly values: number[];
  /** Tokens computed, added ones included. */
  readonly tokens: number;
}

/** Tokens that a model needs around every input. */
export interface Around {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Computes embeddings one at a time, in a context of its own, which takes memory and so is created on first use. */
export class Embedder {
  readonly #open: () => Promise<Context>;
  readonly #around: Around;
  #context: Promise<Context> | undefined;
  /** Settles when idle. */
  #work: Promise<unknown> = Promise.resolve();

  /** `open`: creates a context of one sequence. */
  constructor(open: () => Promise<Context>, around: Around) {
    this.#open = open;
    this.#around = around;
  }

  /** The embedding of these tokens. Rejects when there is no memory for the context. */
  embed(tokens: readonly number[]): Promise<Embedding> {
    const work = this.#work.then(() => this.#compute(tokens));
    this.#work = work.catch(() => {});
    return work;
  }

  async close(): Promise<void> {
    await this.#work;
    const context = await this.#context?.catch(() => undefined);
    await context?.native.dispose();
  }

  async #compute(tokens: readonly number[]): Promise<Embedding> {
    this.#context ??= this.#open().catch((error) => {
      // Memory may be available next time.
      this.#context = undefined;
      throw error;
    });
    const { native, sequences } = await this.#context;
    const input = this.#surround(tokens);
    await sequences[0]!.clear();
    const vector = await sequences[0]!.evaluate(input, () => native.getEmbedding(input.length));
    return { values: toUnitVector(Array.from(vector)), tokens: input.length };
  }

  #surround(tokens: readonly number[]): number[] {
    const { before, after } = this.#around;
    const input = [...tokens];
    if (before !== undefined && input[0] !== before) input.unshift(before);
    if (after !== undefined && input.at(-1) !== after) input.push(after);
    return input;
  }
}
