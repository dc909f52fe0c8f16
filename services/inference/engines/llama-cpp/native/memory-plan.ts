import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Metadata } from "../gguf/header.ts";

/** Dimensions of a context. */
export interface ContextPlan {
  readonly slots: number;
  /** Tokens per slot, prompt and answer together. */
  readonly contextSize: number;
}

/** Requested dimensions; absent ones default to what is sensible and fits. */
export type ContextRequest = { readonly [Key in keyof ContextPlan]?: ContextPlan[Key] | undefined };

/** Chooses dimensions that fit into memory with the model. Throws `invalid_request` when the request does not. */
export function planContext(
  metadata: Metadata,
  modelBytes: number,
  availableBytes: number,
  request: ContextRequest,
): ContextPlan {
  const { contextSize, slotBytes, fixedBytes } = memoryNeed(metadata, modelBytes, request.contextSize);
  const fitting = Math.floor((availableBytes - fixedBytes) / slotBytes);
  const slots = request.slots ?? Math.max(1, Math.min(defaultSlots, fitting));
  if (slots > fitting)
    throw new MeshError(
      "invalid_request",
      `Not enough memory: the model takes ${inGiB(modelBytes)}, ${slots} ${slots === 1 ? "slot" : "slots"} of ${contextSize} tokens take ${inGiB(slots * slotBytes)}, and ${inGiB(availableBytes)} are available. Choose a smaller model or quantization, fewer slots or a smaller context.`,
    );
  return { slots, contextSize };
}

/** Memory for serving a model, in bytes. */
export interface MemoryNeed {
  readonly contextSize: number;
  readonly slotBytes: number;
  /** The model, and buffers for the computation. */
  readonly fixedBytes: number;
}

/** Estimates memory from the model's shape; `requested`: tokens per slot. */
export function memoryNeed(metadata: Metadata, modelBytes: number, requested?: number): MemoryNeed {
  const trained = metadata.shape("context_length") ?? defaultContextSize;
  const contextSize = requested ?? Math.min(trained, defaultContextSize);
  return {
    contextSize,
    slotBytes: contextSize * cacheBytesPerToken(metadata),
    fixedBytes: modelBytes + workBytes,
  };
}

/** Keys and values of one token over all layers, 16 bits each. */
function cacheBytesPerToken(metadata: Metadata): number {
  const heads = metadata.shape("attention.head_count") ?? 1;
  const cachedHeads = metadata.shape("attention.head_count_kv") ?? heads;
  const headLength = (metadata.shape("embedding_length") ?? 0) / heads;
  const keyLength = metadata.shape("attention.key_length") ?? headLength;
  const valueLength = metadata.shape("attention.value_length") ?? headLength;
  return (metadata.shape("block_count") ?? 0) * cachedHeads * (keyLength + valueLength) * 2;
}

/** Bytes as a caller reads them. */
export const inGiB = (bytes: number): string =>
  `${(bytes / 1024 ** 3).toFixed(bytes < 1024 ** 3 ? 3 : 1)} GiB`;

const defaultContextSize = 4096;
/** Slots offered where memory allows. */
export const defaultSlots = 8;
/** A rough estimate of llama.cpp's compute buffers. */
const workBytes = 128 * 1024 * 1024;
