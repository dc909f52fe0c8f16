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

/** Longer deltas are read at once: they carry log probabilities, which are not kept. */
const longestCopyBytes = 1024;
/** Up to so many bytes a loop copies faster than a call into Node's own code. */
const shortBytes = 64;
const firstBytes = 256;

/**
 * Keeps what has been delivered of one answer, so that another node can go on from there. Deltas are kept as the bytes
 * in which they came, one behind the other, and only read when they are needed, which is seldom: a token costs a copy of
 * a dozen bytes, no object, and no hold on the frame that it came in.
 */
export class Journal {
  #bytes: Buffer | undefined;
  #length = 0;
  #text = "";
  #tokenIds: number[] = [];
  #shownDeltas = 0;
  #reasoningTokens = 0;
  #hasToolCalls = false;
  #lacksIds = false;

  /** Takes the next delta. False when the event is none; then nothing is taken. */
  add(event: GenerationEvent): boolean {
    if (event instanceof EncodedEvent && event.isPlainDelta && event.byteLength <= longestCopyBytes) {
      this.#copy(event);
      return true;
    }
    if (event.event.case !== "delta") return false;
    this.#readCopies();
    this.#note(event.event.value);
    return true;
  }

  /** What has come so far. */
  read(): Delivered {
    this.#readCopies();
    const knowsIds = !this.#lacksIds && this.#tokenIds.length > 0;
    return {
      text: this.#text,
      tokenIds: knowsIds ? [...this.#tokenIds] : [],
      tokens: knowsIds ? this.#tokenIds.length : this.#shownDeltas,
      reasoningTokens: this.#reasoningTokens,
      hasToolCalls: this.#hasToolCalls,
    };
  }

  #copy({ frame, start, end, byteLength }: EncodedEvent): void {
    const bytes = this.#roomFor(byteLength);
    let to = this.#length;
    if (byteLength > shortBytes) frame.copy(bytes, to, start, end);
    else for (let from = start; from < end; from++) bytes[to++] = frame[from] as number;
    this.#length += byteLength;
  }

  #roomFor(byteLength: number): Buffer {
    const bytes = this.#bytes;
    if (bytes !== undefined && bytes.length - this.#length >= byteLength) return bytes;
    const larger = Buffer.allocUnsafe(Math.max(firstBytes, 2 * this.#length, this.#length + byteLength));
    bytes?.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return larger;
  }

  /** Each copy is an event with one field, so its length is written in front. */
  #readCopies(): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    for (let start = 0; start < this.#length; ) {
      const end = varintEnd(bytes, start + 1) + readVarint(bytes, start + 1);
      const { event } = new EncodedEvent(bytes, start, end);
      if (event.case === "delta") this.#note(event.value);
      start = end;
    }
    this.#length = 0;
  }

  #note({ text, reasoning, tokenIds, toolCalls }: Delta): void {
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
