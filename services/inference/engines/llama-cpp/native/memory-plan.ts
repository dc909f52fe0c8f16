import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Metadata } from "../gguf/metadata.ts";

/** How the context is laid out. */
export interface ContextPlan {
  /** Generations at the same time. */
  readonly slots: number;
  /** Tokens that prompt and answer of one generation may have together. */
  readonly contextSize: number;
}

/** What is wished for; absent means as much as is sensible and fits. */
export type ContextWish = { readonly [Key in keyof ContextPlan]?: ContextPlan[Key] | undefined };

/**
 * Chooses slots and context size so that the model and its key-value cache fit into memory. A wish is kept or
 * refused, never shrunk behind the operator's back. Throws `invalid_request` when there is not enough memory.
 */
export function planContext(
  metadata: Metadata,
  modelBytes: number,
  availableBytes: number,
  wish: ContextWish,
): ContextPlan {
  const { contextSize, slotBytes, fixedBytes } = memoryNeed(metadata, modelBytes, wish.contextSize);
  const fitting = Math.floor((availableBytes - fixedBytes) / slotBytes);
  const slots = wish.slots ?? Math.max(1, Math.min(defaultSlots, fitting));
  if (slots > fitting)
    throw new MeshError(
      "invalid_request",
      `Not enough memory: the model takes ${inGiB(modelBytes)}, ${slots} ${slots === 1 ? "slot" : "slots"} of ${contextSize} tokens take ${inGiB(slots * slotBytes)}, and ${inGiB(availableBytes)} are available. Choose a smaller model or quantization, fewer slots or a smaller context.`,
    );
  return { slots, contextSize };
}

/** What serving a model takes, in bytes. */
export interface MemoryNeed {
  /** Tokens of one slot that this is reckoned for. */
  readonly contextSize: number;
  /** For each generation that can run at the same time. */
  readonly slotBytes: number;
  /** Whatever runs: the model, and the buffers that the computation itself needs. */
  readonly fixedBytes: number;
}

/** Reckons it from the model's shape; `contextSize` absent means what `planContext` would choose. */
export function memoryNeed(metadata: Metadata, modelBytes: number, wished?: number): MemoryNeed {
  const trained = metadata.shape("context_length") ?? defaultContextSize;
  const contextSize = wished ?? Math.min(trained, defaultContextSize);
  return {
    contextSize,
    slotBytes: contextSize * cacheBytesPerToken(metadata),
    fixedBytes: modelBytes + workBytes,
  };
}

/** Keys and values of one token over all layers, in 16 bits. */
function cacheBytesPerToken(metadata: Metadata): number {
  const heads = metadata.shape("attention.head_count") ?? 1;
  const cachedHeads = metadata.shape("attention.head_count_kv") ?? heads;
  const headLength = (metadata.shape("embedding_length") ?? 0) / heads;
  const keyLength = metadata.shape("attention.key_length") ?? headLength;
  const valueLength = metadata.shape("attention.value_length") ?? headLength;
  return (metadata.shape("block_count") ?? 0) * cachedHeads * (keyLength + valueLength) * 2;
}

/** Bytes as people read them. */
export const inGiB = (bytes: number): string =>
  `${(bytes / 1024 ** 3).toFixed(bytes < 1024 ** 3 ? 3 : 1)} GiB`;

const defaultContextSize = 4096;
/** As many slots as are offered where memory allows. */
export const defaultSlots = 8;
/** llama.cpp's buffers for the computation itself, roughly. */
const workBytes = 128 * 1024 * 1024;
