import { setImmediate as nextTurn } from "node:timers/promises";
import type { AddonContext } from "./addon.ts";
import type { BatchRule } from "./batch-rules.ts";

/** How to build batches. */
export interface BatcherOptions {
  /** Maximum tokens per batch, without padding. At least one per sequence. */
  readonly batchTokens: number;
  readonly rule: BatchRule;
}

/**
 * Continuous batching. Each batch starts one turn of the event loop after the last, so that sequences which
 * continue after a token are in it. Each gets an equal share, and what it does not need goes to the others.
 * Order: llama.cpp computes sequences together only in ascending order; otherwise it reads weights for each.
 */
export class Batcher {
  readonly #context: AddonContext;
  readonly #options: BatcherOptions;
  #waiting: Work[] = [];
  #running = false;
  #computing: Promise<void> | undefined;

  /** The context needs room for one more token per sequence and batch, and no other user. */
  constructor(context: AddonContext, options: BatcherOptions) {
    this.#context = context;
    this.#options = options;
  }

  /**
   * Computes tokens of a sequence from position `first` on; one call per sequence at a time. `read` gets the batch
   * index of the last token's logits while they are valid. On failure the sequence may hold some of the tokens.
   */
  compute(sequence: number, first: number, tokens: Uint32Array): Promise<void>;
  compute<T>(sequence: number, first: number, tokens: Uint32Array, read: Read<T>): Promise<T>;
  compute(sequence: number, first: number, tokens: Uint32Array, read?: Read<unknown>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ sequence, first, tokens, read, resolve, reject });
    if (!this.#running) void this.#run();
    return promise;
  }

  /** Modifies the context between batches: at once, or after the running one. */
  async change(work: () => void): Promise<void> {
    if (this.#computing !== undefined) await this.#computing;
    work();
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      await nextTurn();
      this.#computing = this.#compute(this.#share());
      await this.#computing;
      this.#computing = undefined;
    } while (this.#waiting.length > 0);
    this.#running = false;
  }

  /** The next batch in order of the sequences, shared equally; unused shares go to the others. */
  #share(): Piece[] {
    const { batchTokens, rule } = this.#options;
    let room = batchTokens;
    const shortestFirst = this.#waiting.toSorted((a, b) => a.tokens.length - b.tokens.length);
    return shortestFirst
      .map((work, index): Piece => {
        const share = Math.min(rule.pieceTokens, Math.floor(room / (shortestFirst.length - index)));
        const tokens = work.tokens.subarray(0, share);
        room -= tokens.length;
        return { work, tokens, isLast: tokens.length === work.tokens.length };
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

  /** Returns the batch indices of the logits. */
  async #decode(pieces: readonly Piece[]): Promise<Map<Work, number>> {
    const context = this.#context;
    const places = new Map<Work, number>();
    const padded = pieces.map(({ tokens }) => this.#options.rule.even && tokens.length % 2 === 1);
    context.initBatch(
      pieces.reduce((sum, { tokens }, index) => sum + tokens.length + Number(padded[index]), 0),
    );
    for (const [index, { work, tokens, isLast }] of pieces.entries()) {
      const last = tokens.length - 1;
      const isRead = isLast && work.read !== undefined;
      const all = padded[index] ? Uint32Array.of(...tokens, tokens[last]!) : tokens;
      // Padding is an output, too: the last layers compute only those.
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

type Read<T> = (place: number) => T | Promise<T>;

interface Work {
  readonly sequence: number;
  first: number;
  tokens: Uint32Array;
  readonly read: Read<unknown> | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The part of some work in a batch. */
interface Piece {
  readonly work: Work;
  readonly tokens: Uint32Array;
  readonly isLast: boolean;
}

/** Reads the logits before the next batch overwrites them. Never rejects. */
async function finish({ read, resolve, reject }: Work, place: number | undefined): Promise<void> {
  try {
    resolve(place === undefined ? undefined : await read?.(place));
  } catch (error) {
    reject(error);
  }
}
