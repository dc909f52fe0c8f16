import type { LlamaContext } from "node-llama-cpp";

/**
 * Changes how a context puts its batches together, in two ways.
 *
 * **In order.** llama.cpp computes sequences together only where they follow one another by number; in any other
 * order it goes through the weights again for each. The library adds them as they come.
 *
 * **Even** (where asked for): what a model computes then depends on nothing else that is computed at the same
 * time, to the last bit. llama.cpp multiplies matrices of 16-bit and 32-bit floats in two ways, one for a single
 * row, another for more, and the two round differently; two or two hundred rows make no difference. Left alone,
 * logits of the starter model move by up to 0.2 with the number of neighbours and with how much of the prompt was
 * known before, so now and then another token is drawn. So nothing is ever computed as a single row: each piece
 * of work is padded with a token to an even number of tokens (which stays even however llama.cpp splits a batch),
 * and that token is forgotten afterwards. With attention computed by matrices, too (`flashAttention: false`),
 * logits are the same bit for bit alone, beside others, in chunks of any size, and continued elsewhere (compared
 * over prompts of 100 and 900 tokens on an AMD EPYC). The price is a second row for each step, which hardly
 * matters where all weights are read for each step anyway.
 *
 * Call it before the context is used. The context must be made for `paddingTokens` more tokens in a batch.
 */
export function arrangeBatches(context: LlamaContext, even: boolean): void {
  const inside = context as unknown as ContextInternals;
  const native = inside._ctx;
  const { initBatch, addToBatch, decodeBatch } = native;
  const room = paddingTokens(context.totalSequences);
  let pieces: Piece[] = [];

  inside._batchSize -= room;
  replace(native, "initBatch", (size) => {
    pieces = [];
    initBatch.call(native, size + room);
  });
  replace(native, "addToBatch", (sequence, first, tokens, outputs) => {
    const places = new Uint32Array(outputs.length);
    pieces.push({ sequence, first, tokens, outputs, places });
    return places;
  });
  replace(native, "decodeBatch", async () => {
    pieces.sort((a, b) => a.sequence - b.sequence);
    const padded = even ? pieces.filter(({ tokens }) => tokens.length % 2 === 1).map(pad) : [];
    for (const { sequence, first, tokens, outputs, places } of pieces)
      places.set(addToBatch.call(native, sequence, first, tokens, outputs).subarray(0, places.length));
    try {
      await decodeBatch.call(native);
    } finally {
      for (const { sequence, position } of padded)
        native.removeTokenCellsFromSequence(sequence, position, position + 1);
    }
  });
}

/** Whether models with weights of these types (numbered as in ggml) can gain from even batches. */
export const gainsFromEven = (weightTypes: readonly number[]): boolean =>
  weightTypes.every((type) => type === ggmlF32 || type === ggmlF16);

/** Tokens by which padding can lengthen a batch. */
export const paddingTokens = (sequences: number): number => sequences;

const ggmlF32 = 0;
const ggmlF16 = 1;

/** Tokens of one sequence in a batch. */
interface Piece {
  readonly sequence: number;
  /** Position of the first token. */
  readonly first: number;
  tokens: Uint32Array;
  /** Which of the tokens logits are wanted of. */
  outputs: Uint32Array;
  /** Where those logits are in the batch; filled in once that is known. */
  readonly places: Uint32Array;
}

/** Adds one more token, and says where. With outputs it is one, too: the last layers compute nothing else. */
function pad(piece: Piece): { sequence: number; position: number } {
  const { sequence, first, tokens, outputs } = piece;
  const added = tokens.length;
  piece.tokens = Uint32Array.of(...tokens, tokens[added - 1]!);
  if (outputs.length > 0) piece.outputs = Uint32Array.of(...outputs, added);
  return { sequence, position: first + added };
}

interface ContextInternals {
  readonly _ctx: NativeBatches;
  /** Tokens that the library puts into one batch. */
  _batchSize: number;
}

/** The addon's context, as far as batches go. The library calls all of it under its context lock. */
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
