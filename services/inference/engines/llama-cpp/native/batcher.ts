import { setImmediate as nextTurn } from "node:timers/promises";
import type { AddonContext } from "./addon.ts";

/** How to put batches together. */
export interface BatcherOptions {
  /** Tokens of one batch at most, without padding. At least one for each sequence. */
  readonly batchTokens: number;
  /** Whether to compute nothing as a single row, as the class explains. */
  readonly even: boolean;
}

/**
 * Computes what the sequences of a context ask for, all of it together in one batch after the other; each batch
 * begins a turn of the event loop after the one before, so that whoever goes on behind a token is in it. A long
 * prompt holds nobody up: each sequence gets its share of a batch, and what one does not need goes to the others.
 *
 * **In order.** llama.cpp computes sequences together only where they follow one another by number; in any other
 * order it goes through the weights again for each.
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
 */
export class Batcher {
  readonly #context: AddonContext;
  readonly #options: BatcherOptions;
  #waiting: Work[] = [];
  #changes: (() => void)[] = [];
  #running = false;
  #computing = false;

  /** The context must be made for `paddingTokens` more tokens in a batch. Nobody else may use it meanwhile. */
  constructor(context: AddonContext, options: BatcherOptions) {
    this.#context = context;
    this.#options = options;
  }

  /**
   * Computes tokens of a sequence from a position on; one such work for each sequence at a time. `read` is called
   * with the place of the last one's logits while they are there. Rejects when the computation or `read` fails:
   * the sequence may then hold a part of the tokens.
   */
  compute(sequence: number, first: number, tokens: Uint32Array): Promise<void>;
  compute<T>(sequence: number, first: number, tokens: Uint32Array, read: Read<T>): Promise<T>;
  compute(sequence: number, first: number, tokens: Uint32Array, read?: Read<unknown>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ sequence, first, tokens, read, resolve, reject });
    if (!this.#running) void this.#run();
    return promise;
  }

  /** Changes what the context holds, while nothing is computed: at once, or behind the batch that is. */
  change(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const attempt = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      if (this.#computing) this.#changes.push(attempt);
      else attempt();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      await nextTurn();
      this.#computing = true;
      await this.#compute(this.#share());
      this.#computing = false;
      for (const change of this.#changes.splice(0)) change();
    } while (this.#waiting.length > 0);
    this.#running = false;
  }

  /** What of each work is in the next batch, in the order of the sequences: an equal share, and what others leave. */
  #share(): Piece[] {
    let room = this.#options.batchTokens;
    const shortestFirst = this.#waiting.toSorted((a, b) => a.tokens.length - b.tokens.length);
    return shortestFirst
      .map((work, index): Piece => {
        const tokens = work.tokens.subarray(0, Math.floor(room / (shortestFirst.length - index)));
        room -= tokens.length;
        const isLast = tokens.length === work.tokens.length;
        return { work, tokens, isRead: isLast && work.read !== undefined, isLast };
      })
      .sort((a, b) => a.work.sequence - b.work.sequence);
  }

  async #compute(pieces: readonly Piece[]): Promise<void> {
    try {
      const places = await this.#decode(pieces);
      const done = pieces.filter(({ isLast }) => isLast).map(({ work }) => work);
      for (const { work, tokens } of pieces) {
        work.first += tokens.length;
        work.tokens = work.tokens.subarray(tokens.length);
      }
      this.#waiting = this.#waiting.filter((work) => !done.includes(work));
      await Promise.all(done.map((work) => finish(work, places.get(work))));
    } catch (error) {
      const failed = new Set(pieces.map(({ work }) => work));
      this.#waiting = this.#waiting.filter((work) => !failed.has(work));
      for (const work of failed) work.reject(error);
    }
  }

  /** Returns where the logits are. */
  async #decode(pieces: readonly Piece[]): Promise<Map<Work, number>> {
    const context = this.#context;
    const places = new Map<Work, number>();
    const padded = pieces.map(({ tokens }) => this.#options.even && tokens.length % 2 === 1);
    context.initBatch(
      pieces.reduce((sum, { tokens }, index) => sum + tokens.length + Number(padded[index]), 0),
    );
    for (const [index, { work, tokens, isRead }] of pieces.entries()) {
      const last = tokens.length - 1;
      const all = padded[index] ? Uint32Array.of(...tokens, tokens[last]!) : tokens;
      // With outputs the padding is one, too: the last layers compute nothing else.
      const outputs = Uint32Array.from(isRead ? (padded[index] ? [last, last + 1] : [last]) : []);
      const [place] = context.addToBatch(work.sequence, work.first, all, outputs);
      if (place !== undefined) places.set(work, place);
    }
    try {
      await context.decodeBatch();
      return places;
    } finally {
      for (const [index, { work, tokens }] of pieces.entries()) {
        const end = work.first + tokens.length;
        if (padded[index]) context.removeTokenCellsFromSequence(work.sequence, end, end + 1);
      }
    }
  }
}

/** Whether models with weights of these types (numbered as in ggml) can gain from even batches. */
export const gainsFromEven = (weightTypes: readonly number[]): boolean =>
  weightTypes.every((type) => type === ggmlF32 || type === ggmlF16);

/** Tokens by which padding can lengthen a batch. */
export const paddingTokens = (sequences: number): number => sequences;

const ggmlF32 = 0;
const ggmlF16 = 1;

/** Reads what is at the place of logits. */
type Read<T> = (place: number) => T | Promise<T>;

/** What is left to compute of what was asked for. */
interface Work {
  readonly sequence: number;
  /** Position of the first token. */
  first: number;
  tokens: Uint32Array;
  readonly read: Read<unknown> | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What of a work is in a batch. */
interface Piece {
  readonly work: Work;
  readonly tokens: Uint32Array;
  /** Whether the work ends with it. */
  readonly isLast: boolean;
  /** Whether logits of its last token are wanted. */
  readonly isRead: boolean;
}

/** Reads the logits, while the next batch waits. Never rejects. */
async function finish({ read, resolve, reject }: Work, place: number | undefined): Promise<void> {
  try {
    resolve(place === undefined ? undefined : await read?.(place));
  } catch (error) {
    reject(error);
  }
}
