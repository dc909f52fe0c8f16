import { varintSize } from "./varint.ts";

const initialBytes = 64 * 1024;
/** Up to this length, in UTF-16 units, a loop writes ASCII faster than a call into native code. */
const shortText = 24;

/** Writes protobuf's wire format into one growing buffer, which is reused. */
export class FrameWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(bytes = initialBytes) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** A copy of what has been written; clears the writer. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#at);
    this.#buffer.copy(bytes, 0, 0, this.#at);
    this.#at = 0;
    if (this.#buffer.length > 16 * initialBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    return bytes;
  }

  /** What has been written, without a copy; the writer is of no use any more. */
  detach(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  get length(): number {
    return this.#at;
  }

  truncate(length: number): void {
    this.#at = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  varint(value: number): void {
    this.#reserve(varintSize(value));
    this.#putVarint(value);
  }

  /** The bytes of `source` from `start` up to `end`, after their length. */
  bytes(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length + 5);
    this.#putVarint(length);
    const buffer = this.#buffer;
    if (length > 64) {
      buffer.set(source.subarray(start, end), this.#at);
      this.#at += length;
    } else for (let index = start; index < end; index++) buffer[this.#at++] = source[index]!;
  }

  /** Bytes without their length. */
  raw(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#buffer.set(source, this.#at);
    this.#at += source.length;
  }

  /** A string in UTF-8, after its length. */
  text(value: string): void {
    this.#reserve(value.length * 3 + 5);
    const begin = this.begin();
    const buffer = this.#buffer;
    let index = 0;
    if (value.length <= shortText)
      for (; index < value.length; index++) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) break;
        buffer[this.#at++] = code;
      }
    if (index < value.length)
      this.#at += buffer.write(index === 0 ? value : value.slice(index), this.#at, "utf8");
    this.end(begin);
  }

  /** Starts something that follows its length; returns the argument for `end`. */
  begin(): number {
    this.#reserve(1);
    return this.#at++;
  }

  /** Writes the length of what follows `begin`, which has left one byte for it. */
  end(begin: number): void {
    const length = this.#at - begin - 1;
    if (length < 0x80) {
      this.#buffer[begin] = length;
      return;
    }
    const more = varintSize(length) - 1;
    this.#reserve(more);
    this.#buffer.copyWithin(begin + 1 + more, begin + 1, this.#at);
    const at = this.#at + more;
    this.#at = begin;
    this.#putVarint(length);
    this.#at = at;
  }

  #putVarint(value: number): void {
    const buffer = this.#buffer;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[this.#at++] = rest;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + length));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
