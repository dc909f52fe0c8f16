import { GgufError } from "./gguf-error.ts";

/** The bytes end before the value does. */
export class NeedsMoreBytes extends Error {
  override readonly name = "NeedsMoreBytes";
}

/** Reads little-endian values one after the other. Throws `NeedsMoreBytes` at the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  uint8 = (): number => this.#bytes.readUInt8(this.#take(1));
  int8 = (): number => this.#bytes.readInt8(this.#take(1));
  uint16 = (): number => this.#bytes.readUInt16LE(this.#take(2));
  int16 = (): number => this.#bytes.readInt16LE(this.#take(2));
  uint32 = (): number => this.#bytes.readUInt32LE(this.#take(4));
  int32 = (): number => this.#bytes.readInt32LE(this.#take(4));
  float32 = (): number => this.#bytes.readFloatLE(this.#take(4));
  float64 = (): number => this.#bytes.readDoubleLE(this.#take(8));
  uint64 = (): bigint => this.#bytes.readBigUInt64LE(this.#take(8));
  int64 = (): bigint => this.#bytes.readBigInt64LE(this.#take(8));

  /** A text with its length before it. */
  text(): string {
    const length = this.size("characters in a text", textLimitBytes);
    const from = this.#take(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  /** A number of things, which must be believable. */
  size(what: string, limit: number): number {
    const count = this.uint64();
    if (count > limit) throw new GgufError(`is damaged: it claims to have ${count} ${what}`);
    return Number(count);
  }

  #take(length: number): number {
    const from = this.#position;
    if (from + length > this.#bytes.length) throw new NeedsMoreBytes();
    this.#position = from + length;
    return from;
  }
}

const textLimitBytes = 64 * 1024 * 1024;
