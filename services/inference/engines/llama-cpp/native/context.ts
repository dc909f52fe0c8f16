import type { Addon, AddonContext, AddonModel } from "./addon.ts";
import type { BatchRule } from "./batch-rules.ts";
import { Batcher } from "./batcher.ts";
import { Sequence } from "./sequence.ts";

/** Parameters of a context. */
export interface ContextOptions {
  readonly sequences: number;
  /** Tokens per sequence. */
  readonly contextSize: number;
  readonly threads: number;
  readonly rule: BatchRule;
  /** Whether it computes embeddings instead of logits. */
  readonly embeddings: boolean;
}

/** A llama.cpp context: sequences of one model, computed in shared batches. Dispose of it only while idle. */
export interface Context {
  readonly native: AddonContext;
  readonly sequences: readonly Sequence[];
}

/** Allocates a context. Rejects on failure, most likely for lack of memory. */
export async function openContext(
  addon: Addon,
  model: AddonModel,
  { sequences, contextSize, threads, rule, embeddings }: ContextOptions,
): Promise<Context> {
  const batchTokens = Math.max(sequences, embeddings ? Math.min(contextSize, mostTokens) : mostTokens);
  const native = new addon.AddonContext(model, {
    contextSize: sequences * Math.ceil(contextSize / cellBlock) * cellBlock,
    // With padding.
    batchSize: batchTokens + sequences,
    sequences,
    threads,
    // Embeddings are computed one at a time.
    flashAttention: embeddings ? "auto" : rule.flashAttention,
    embeddings,
  });
  if (!(await native.init())) throw new Error("llama.cpp could not make the context");
  const batcher = new Batcher(native, { batchTokens, rule });
  return {
    native,
    sequences: Array.from({ length: sequences }, (_, id) => new Sequence(id, native, batcher)),
  };
}

/** Tokens per batch: enough to amortize each pass over the weights, few enough to be quick. */
const mostTokens = 512;
/** llama.cpp allocates cells in blocks of this size. */
const cellBlock = 256;
