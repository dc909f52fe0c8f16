import type { Addon, AddonContext, AddonModel } from "./addon.ts";
import { Batcher, paddingTokens } from "./batcher.ts";
import { Sequence } from "./sequence.ts";

/** Parameters of a context. */
export interface ContextOptions {
  readonly sequences: number;
  /** Tokens per sequence. */
  readonly contextSize: number;
  readonly threads: number;
  /** Whether to use even batches; see `Batcher`. */
  readonly even: boolean;
  /** Whether it computes embeddings instead of logits. */
  readonly embeddings: boolean;
}

/** A llama.cpp context: sequences of one model, computed in shared batches. */
export class Context {
  readonly native: AddonContext;
  readonly sequences: readonly Sequence[];

  /** Allocates a context. Rejects on failure, most likely for lack of memory. */
  static async open(addon: Addon, model: AddonModel, options: ContextOptions): Promise<Context> {
    const { sequences, contextSize, embeddings } = options;
    const batchTokens = Math.max(sequences, embeddings ? Math.min(contextSize, mostTokens) : mostTokens);
    const native = new addon.AddonContext(model, {
      contextSize: sequences * Math.ceil(contextSize / cellBlock) * cellBlock,
      batchSize: batchTokens + paddingTokens(sequences),
      sequences,
      threads: options.threads,
      // Off for exact answers; embeddings are computed one at a time.
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

  /** Frees the memory. Call it only while idle. */
  close(): Promise<void> {
    return this.native.dispose();
  }
}

/** Tokens per batch: enough to amortize each pass over the weights, few enough to be quick. */
const mostTokens = 512;
/** llama.cpp allocates cells in blocks of this size. */
const cellBlock = 256;
