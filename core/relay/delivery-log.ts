import type { Delta, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { readVarint, varintEnd } from "./varint.ts";

/** What has been delivered of an answer. */
export interface Delivered {
  readonly text: string;
  /** Ids of all tokens behind it; empty when those of any are not known. */
  readonly tokenIds: readonly number[];
  /** How many tokens it took, thoughts included: by their ids, else one for each delta that showed something. */
  readonly tokens: number;
  /** How many of them were thoughts. */
  readonly reasoningTokens: number;
  /** Whether a tool call has begun. */
  readonly hasToolCalls: boolean;
}

/** How much of all answers is logged before it is sorted, in bytes: some half a millisecond of sorting. */
const logBytes = 256 * 1024;
/** Longer deltas are read at once: they carry log probabilities, which are not kept. */
const longestCopyBytes = 1024;
/** Up to so many bytes a loop copies faster than a call into Node's own code. */
const shortBytes = 64;
/** Of the number in front of each delta. */
const numberBytes = 4;

/**
 * Remembers what has been delivered of each open answer, so that another node can go on from there.
 *
 * A token costs the copy of its dozen bytes to the end of one log that all answers share, which is in the processor's
 * cache; an own place for each of a thousand streams would cost three reads from memory. When the log is full it is
 * sorted by answer; answers that have ended by then, most of them, are left out. What was delivered is taken apart only
 * when somebody reads it, which is seldom.
 */
export class DeliveryLog {
  readonly #bytes = Buffer.allocUnsafeSlow(logBytes);
  #length = 0;
  readonly #answers = new Map<number, Journal>();
  #lastNumber = 0;

  /** How many answers are remembered. */
  get size(): number {
    return this.#answers.size;
  }

  /** Begins to remember an answer; what is given to the other calls names it. */
  open(): number {
    // Numbers come again after four thousand million answers; those that have one by then are long over.
    this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    this.#answers.set(this.#lastNumber, new Journal());
    return this.#lastNumber;
  }

  /** Forgets an answer. */
  close(answer: number): void {
    this.#answers.delete(answer);
  }

  /** Takes the next delta of an open answer. False when the event is none; then nothing is taken. */
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

  /** What has come of an open answer so far. Throws `engine_failed` when some of it cannot be read. */
  read(answer: number): Delivered {
    this.#sort();
    return (this.#answers.get(answer) ?? new Journal()).read();
  }

  #copy(answer: number, { frame, start, end, byteLength }: EncodedEvent): void {
    if (this.#length + numberBytes + byteLength > logBytes) this.#sort();
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

  /** Gives each answer what is its own. */
  #sort(): void {
    const bytes = this.#bytes;
    for (let at = 0; at < this.#length; ) {
      const answer = bytes.readUInt32LE(at);
      const start = at + numberBytes;
      at = endOf(bytes, start);
      this.#answers.get(answer)?.keep(bytes, start, at);
    }
    this.#length = 0;
  }
}

/** A plain delta has one field, whose length is written in front of it. */
const endOf = (bytes: Uint8Array, start: number): number =>
  varintEnd(bytes, start + 1) + readVarint(bytes, start + 1);

/** One answer: deltas as they came, one behind the other, and before them what has been read already. */
class Journal {
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
