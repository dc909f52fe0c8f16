import type { Entry, GgufContent, Tensor } from "./write-gguf.ts";

/** Sizes of the model that `tinyModel` makes. */
export const tinySizes = { embedding: 32, blocks: 1, heads: 2, feedForward: 64, context: 256 } as const;

/**
 * A llama model with random weights and a SentencePiece vocabulary, to test what the starter model lacks.
 * Its answers are deterministic nonsense.
 */
export function tinyModel(
  template: string,
  pieces: readonly (readonly [piece: string, type: number])[],
): GgufContent {
  const { embedding, blocks, heads, feedForward, context } = tinySizes;
  const tokens = [...basicPieces, ...pieces];
  const metadata: Record<string, Entry> = {
    "general.architecture": ["text", "llama"],
    "general.name": ["text", "Tiny noise"],
    "llama.context_length": ["u32", context],
    "llama.embedding_length": ["u32", embedding],
    "llama.block_count": ["u32", blocks],
    "llama.feed_forward_length": ["u32", feedForward],
    "llama.attention.head_count": ["u32", heads],
    "llama.attention.head_count_kv": ["u32", heads],
    "llama.attention.layer_norm_rms_epsilon": ["f32", 1e-5],
    "llama.rope.dimension_count": ["u32", embedding / heads],
    "tokenizer.ggml.model": ["text", "llama"],
    "tokenizer.ggml.pre": ["text", "default"],
    "tokenizer.ggml.tokens": ["texts", tokens.map(([piece]) => piece)],
    "tokenizer.ggml.scores": ["f32s", tokens.map(([piece]) => piece.length - 100)],
    "tokenizer.ggml.token_type": ["i32s", tokens.map(([, type]) => type)],
    "tokenizer.ggml.bos_token_id": ["u32", 1],
    "tokenizer.ggml.eos_token_id": ["u32", 2],
    "tokenizer.ggml.unknown_token_id": ["u32", 0],
    "tokenizer.ggml.add_bos_token": ["bool", true],
    "tokenizer.chat_template": ["text", template],
  };
  const random = noise(11);
  const tensor = (name: string, ...dimensions: number[]): Tensor => ({
    name,
    dimensions,
    data: Float32Array.from({ length: dimensions.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1),
  });
  const ones = (name: string): Tensor => ({
    name,
    dimensions: [embedding],
    data: new Float32Array(embedding).fill(1),
  });
  return {
    metadata,
    tensors: [
      tensor("token_embd.weight", embedding, tokens.length),
      ones("output_norm.weight"),
      tensor("output.weight", embedding, tokens.length),
      ones("blk.0.attn_norm.weight"),
      tensor("blk.0.attn_q.weight", embedding, embedding),
      tensor("blk.0.attn_k.weight", embedding, embedding),
      tensor("blk.0.attn_v.weight", embedding, embedding),
      tensor("blk.0.attn_output.weight", embedding, embedding),
      ones("blk.0.ffn_norm.weight"),
      tensor("blk.0.ffn_gate.weight", embedding, feedForward),
      tensor("blk.0.ffn_up.weight", embedding, feedForward),
      tensor("blk.0.ffn_down.weight", feedForward, embedding),
    ],
  };
}

/** Unknown, begin and end, every byte, and the printable characters of ASCII. */
const basicPieces: readonly (readonly [piece: string, type: number])[] = [
  ["<unk>", 2],
  ["<s>", 3],
  ["</s>", 3],
  ...Array.from(
    { length: 256 },
    (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 6] as const,
  ),
  ["\u2581", 1],
  ...Array.from({ length: 94 }, (_, index) => [String.fromCharCode(33 + index), 1] as const),
];

/** Repeatable numbers in [0, 1). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
