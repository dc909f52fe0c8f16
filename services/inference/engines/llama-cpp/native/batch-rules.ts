/** How the tokens of sequences are put into batches; see docs/decisions/0019. */
export interface BatchRule {
  readonly name: "free" | "even" | "flash";
  /** Whether each piece of a sequence is padded to an even number of tokens. */
  readonly even: boolean;
  /** Maximum tokens of one sequence per batch, without padding. */
  readonly pieceTokens: number;
  readonly flashAttention: boolean;
}

/** A token's logits depend on what else is computed. */
export const free: BatchRule = {
  name: "free",
  even: false,
  pieceTokens: Number.POSITIVE_INFINITY,
  flashAttention: false,
};

/** Floats: llama.cpp multiplies a single row with another kernel than more rows, which rounds differently. */
export const even: BatchRule = { ...free, name: "even", even: true };

/** Quantized: weights are multiplied row by row, and so does flash attention work with fewer than 64 rows. */
export const flash: BatchRule = { ...free, name: "flash", pieceTokens: 63, flashAttention: true };

/**
 * The rule that makes a model's logits independent of what else is computed, by the types of its matrices (numbered as
 * in ggml); undefined where none does, or where it would slow answers down by half or more.
 */
export function exactRule(matrixTypes: readonly number[], threads: number): BatchRule | undefined {
  if (matrixTypes.every((type) => floats.includes(type))) return even;
  // With more threads, flash attention splits long contexts among them.
  return threads === 1 && matrixTypes.every((type) => byRow.includes(type)) ? flash : undefined;
}

/** F32, F16 and BF16. */
const floats = [0, 1, 30];
/** Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q5_K, Q6_K, TQ1_0, TQ2_0 and MXFP4. */
const byRow = [2, 3, 6, 7, 8, 10, 11, 13, 14, 34, 35, 39];
