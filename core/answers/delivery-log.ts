import type { Delta, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { EncodedEvent } from "../relay/encoded-event.ts";
import { readVarint, varintEnd } from "../relay/varint.ts";

/** What has been delivered of an answer. */
export interface Delivered {
  readonly text: string;
  /** Ids of all its tokens; empty unless all are known. */
  readonly tokenIds: readonly number[];
  /** The number of tokens, reasoning included: by their ids, else one for each delta that showed something. */
  readonly tokens: number;
  readonly reasoningTokens: number;
  readonly hasToolCalls: boolean;
}

/** An answer of which nothing has been delivered. */
export const nothing: Delivered = {
  text: "",
  tokenIds: [],
  tokens: 0,
  reasoningTokens: 0,
  hasToolCalls: false,
};

/** Size of the log, in bytes: sorting it takes half a millisecond. */
const logBytes = 256 * 1024;
/** Longer deltas are decoded at once: they carry log probabilities, which are not kept. */
const longestCopyBytes = 1024;
/** Up to this length, in bytes, a loop copies faster than a call into native code. */
const shortBytes = 64;
/** Length of the answer's id before each delta. */
const idBytes = 4;

/**
 * Remembers what has been delivered of each open answer, so that another node can continue it. A token costs a copy of
 * its dozen bytes to a shared log in the CPU cache; a buffer for each of a thousand streams would cost three reads from
 * memory. A full log is sorted by answer. What was delivered is decoded only when it is read, which is rare.
 */
export class DeliveryLog {
  readonly #bytes = Buffer.allocUnsafeSlow(logBytes);
  #length = 0;
  readonly #answers = new Map<number, AnswerLog>();
  #lastId = 0;

  get size(): number {
    return this.#answers.size;
  }

  /** Returns the answer's id for the other calls. */
  open(): number {
    // Ids repeat after 2³² answers, when earlier ones have long ended.
    this.#lastId = (this.#lastId + 1) >>> 0;
    this.#answers.set(this.#lastId, new AnswerLog());
    return this.#lastId;
  }

  close(answer: number): void {
    this.#answers.delete(answer);
  }

  /** Adds the next event of an open answer; false when it is no delta, and ignored. */
  add(answer: number, event: GenerationEvent): boolean {
    if (event instanceof EncodedEvent && event.isPlainDelta && event.byteLength <= longestCopyBytes) {
      this.#copy(answer, event);
      return true;
    }
    if (event.event.case !== "delta") return false;
    this.#sort();
    this.#answers.get(answer)?.note(event.event.value);
    return true;
  }

  /** What has been delivered of an open answer. Throws `engine_failed` when some of it cannot be decoded. */
  read(answer: number): Delivered {
    this.#sort();
    return (this.#answers.get(answer) ?? new AnswerLog()).read();
  }

  #copy(answer: number, { frame, start, end, byteLength }: EncodedEvent): void {
    if (this.#length + idBytes + byteLength > logBytes) this.#sort();
    const bytes = this.#bytes;
    let to = this.#length;
    bytes[to++] = answer;
    bytes[to++] = answer >>> 8;
    bytes[to++] = answer >>> 16;
    bytes[to++] = answer >>> 24;
    if (byteLength > shortBytes) to += frame.copy(bytes, to, start, end);
    else for (let from = start; from < end; from++) bytes[to++] = frame[from] as number;
    this.#length = to;
  }

  #sort(): void {
    const bytes = this.#bytes;
    for (let at = 0; at < this.#length; ) {
      const answer = bytes.readUInt32LE(at);
      const start = at + idBytes;
      at = endOf(bytes, start);
      this.#answers.get(answer)?.keep(bytes, start, at);
    }
    this.#length = 0;
  }
}

/** The end of a plain delta, which is one field after its length. */
const endOf = (bytes: Uint8Array, start: number): number =>
  varintEnd(bytes, start + 1) + readVarint(bytes, start + 1);

/** One answer: what has been decoded, and after it the encoded deltas. */
class AnswerLog {
  #bytes: Buffer | undefined;
  #length = 0;
  #text = "";
  readonly #tokenIds: number[] = [];
  #shownDeltas = 0;
  #reasoningTokens = 0;
  #hasToolCalls = false;
  #lacksIds = false;

  keep(source: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (this.#bytes === undefined || needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * needed, 256));
      this.#bytes?.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    let to = this.#length;
    if (end - start > shortBytes) source.copy(bytes, to, start, end);
    else for (let from = start; from < end; from++) bytes[to++] = source[from] as number;
    this.#length = needed;
  }

  read(): Delivered {
    this.#readKept();
    const knowsIds = !this.#lacksIds && this.#tokenIds.length > 0;
    return {
      text: this.#text,
      tokenIds: knowsIds ? [...this.#tokenIds] : [],
      tokens: knowsIds ? this.#tokenIds.length : this.#shownDeltas,
      reasoningTokens: this.#reasoningTokens,
      hasToolCalls: this.#hasToolCalls,
    };
  }

  note(delta: Delta): void {
    this.#readKept();
    this.#count(delta);
  }

  #readKept(): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    for (let start = 0; start < this.#length; ) {
      const end = endOf(bytes, start);
      const { event } = new EncodedEvent(bytes, start, end);
      if (event.case === "delta") this.#count(event.value);
      start = end;
    }
    this.#length = 0;
  }

  #count({ text, reasoning, tokenIds, toolCalls }: Delta): void {
    const shows = text !== "" || reasoning !== "" || toolCalls.length > 0;
    if (!shows && tokenIds.length === 0) return;
    this.#text += text;
    for (const id of tokenIds) this.#tokenIds.push(id);
    this.#shownDeltas += 1;
    if (reasoning !== "") this.#reasoningTokens += Math.max(1, tokenIds.length);
    if (toolCalls.length > 0) this.#hasToolCalls = true;
    if (shows && tokenIds.length === 0) this.#lacksIds = true;
  }
}
