import type { LlamaContext } from "node-llama-cpp";

/**
 * Makes what a model computes independent of what else is computed at the same time, to the last bit.
 *
 * llama.cpp multiplies matrices of 16-bit and 32-bit floats in two ways: one for a single row, another for more,
 * and the two round differently; two or two hundred rows make no difference. Left alone, logits of the starter
 * model move by up to 0.2 with the number of neighbours and with how much of the prompt was computed before, so
 * now and then another token is drawn. So no work may ever be a single row: each piece of work is padded with a
 * token to an even number of tokens (an even number also stays even when llama.cpp splits a batch), and the token
 * is forgotten afterwards. With attention computed by matrices, too (`flashAttention: false`), logits are then
 * equal bit for bit alone, beside others, in chunks of any size, and continued elsewhere (compared over prompts
 * of 100 and 900 tokens on an AMD EPYC).
 *
 * The price is a second row for each step, which costs little where weights are read from memory for each step
 * anyway. Quantized weights are multiplied in other ways, for which this would not help.
 *
 * Call it before the context is used. The context must be made with `paddingTokens` more tokens in a batch.
 */
export function evenBatches(context: LlamaContext): void {
  const inside = context as unknown as ContextInternals;
  const native = inside._ctx;
  const { initBatch, addToBatch, decodeBatch } = native;
  const padding = paddingTokens(context.totalSequences);
  let padded: { sequence: number; position: number }[] = [];

  inside._batchSize -= padding;
  replace(native, "initBatch", (size) => {
    padded = [];
    initBatch.call(native, size + padding);
  });
  replace(native, "addToBatch", (sequence, first, tokens, outputs) => {
    if (tokens.length % 2 === 0) return addToBatch.call(native, sequence, first, tokens, outputs);
    const last = tokens.length;
    padded.push({ sequence, position: first + last });
    const evenTokens = Uint32Array.of(...tokens, tokens[last - 1]!);
    // Where logits are wanted, those of the padding are, too: the last layers compute only such rows.
    const evenOutputs = outputs.length === 0 ? outputs : Uint32Array.of(...outputs, last);
    return addToBatch.call(native, sequence, first, evenTokens, evenOutputs).subarray(0, outputs.length);
  });
  replace(native, "decodeBatch", async () => {
    try {
      await decodeBatch.call(native);
    } finally {
      for (const { sequence, position } of padded)
        native.removeTokenCellsFromSequence(sequence, position, position + 1);
    }
  });
}

/** Whether this can help a model whose weights have these types (numbered as in ggml). */
export const canBeEven = (weightTypes: Iterable<number>): boolean =>
  [...weightTypes].every((type) => type === ggmlF32 || type === ggmlF16);

/** Tokens that padding can add to one batch. */
export const paddingTokens = (sequences: number): number => sequences;

const ggmlF32 = 0;
const ggmlF16 = 1;

interface ContextInternals {
  readonly _ctx: NativeBatches;
  /** Tokens that the library puts into one batch. */
  _batchSize: number;
}

/** The addon's context, as far as batches go; all under the library's context lock. */
interface NativeBatches {
  initBatch(size: number): void;
  /** Returns the places of the wanted logits in the batch. */
  addToBatch(sequence: number, first: number, tokens: Uint32Array, outputs: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
}

/** The addon's methods are read-only, but its objects can have properties of their own. */
function replace<K extends keyof NativeBatches>(
  native: NativeBatches,
  name: K,
  method: NativeBatches[K],
): void {
  Object.defineProperty(native, name, { value: method });
}
