import { GgufError } from "./gguf-error.ts";
import type { GgufHeader } from "./header.ts";
import type { Metadata } from "./metadata.ts";

/**
 * Throws `GgufError` when the sizes that the metadata names cannot be, or do not fit the tensors: native code
 * trusts them.
 */
export function checkShape(header: GgufHeader, metadata: Metadata): void {
  for (const key of positiveKeys) {
    const value = metadata.shape(key);
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= shapeLimit))
      throw new GgufError(`is damaged: \`${metadata.architecture}.${key}\` cannot be`);
  }
  const embedding = header.tensors.find(({ name }) => name === "token_embd.weight");
  const length = metadata.shape("embedding_length");
  const tokens = metadata.texts("tokenizer.ggml.tokens")?.length;
  if (embedding === undefined || length === undefined || tokens === undefined)
    throw new GgufError("holds no language model");
  if (embedding.dimensions[0] !== length || embedding.dimensions[1] !== tokens)
    throw new GgufError("is damaged: its vocabulary and its tensors have different sizes");
  for (const key of tokenKeys) {
    const token = metadata.number(`tokenizer.ggml.${key}_token_id`);
    if (token !== undefined && !(token >= 0 && token < tokens))
      throw new GgufError(`is damaged: its ${key} token is none of its tokens`);
  }
}

const positiveKeys = ["block_count", "context_length", "embedding_length", "attention.head_count"];
const tokenKeys = ["bos", "eos", "eot", "unknown", "padding"];
const shapeLimit = 2 ** 26;
