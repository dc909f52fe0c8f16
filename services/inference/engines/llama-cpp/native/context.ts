import type { Addon, AddonContext, AddonModel } from "./addon.ts";
import { Batcher, paddingTokens } from "./batcher.ts";
import { Sequence } from "./sequence.ts";

/** How to make a context. */
export interface ContextOptions {
  readonly sequences: number;
  /** Tokens of each sequence. */
  readonly contextSize: number;
  /** Threads that compute. */
  readonly threads: number;
  /** Whether batches are to be made even (`Batcher`). */
  readonly even: boolean;
  /** Whether it computes vectors instead of logits. */
  readonly embeddings: boolean;
}

/** A context of llama.cpp: sequences of one model that compute together. */
export class Context {
  readonly native: AddonContext;
  readonly sequences: readonly Sequence[];

  /** Allocates its memory. Rejects when llama.cpp does not, for want of memory most likely. */
  static async open(addon: Addon, model: AddonModel, options: ContextOptions): Promise<Context> {
    const { sequences, contextSize, embeddings } = options;
    const batchTokens = Math.max(sequences, embeddings ? Math.min(contextSize, mostTokens) : mostTokens);
    const native = new addon.AddonContext(model, {
      contextSize: sequences * Math.ceil(contextSize / cellBlock) * cellBlock,
      batchSize: batchTokens + paddingTokens(sequences),
      sequences,
      threads: options.threads,
      // Off where answers must be exact; vectors are computed one at a time.
      flashAttention: embeddings ? "auto" : false,
      embeddings,
    });
    if (!(await native.init())) throw new Error("llama.cpp could not make the context");
    return new Context(native, new Batcher(native, { batchTokens, even: options.even }), sequences);
  }

  private constructor(native: AddonContext, batcher: Batcher, sequences: number) {
    this.native = native;
    this.sequences = Array.from({ length: sequences }, (_, id) => new Sequence(id, native, batcher));
  }

  /** Frees the memory. Nothing may be at work. */
  close(): Promise<void> {
    return this.native.dispose();
  }
}

/** Tokens of one batch: enough to make the most of each pass over the weights, and few enough to be quick. */
const mostTokens = 512;
/** llama.cpp gives out room for tokens in blocks of this size. */
const cellBlock = 256;
