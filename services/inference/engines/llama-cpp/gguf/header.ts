/** A metadata value; 64-bit integers are bigints only where a number is too small. */
export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[];

/** A tensor as the header describes it. */
export interface TensorInfo {
  readonly name: string;
  /** Elements per axis, innermost first. */
  readonly dimensions: readonly number[];
  readonly type: number;
  /** In bytes from the start of the tensor data. */
  readonly offset: number;
}

/** GGUF's value types. */
export const ValueType = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  flag: 7,
  text: 8,
  list: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

/** The header of a GGUF file. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** Types of the metadata; for lists, of their items. */
  readonly types: ReadonlyMap<string, number>;
  readonly tensors: readonly TensorInfo[];
  readonly headerBytes: number;
  /** Start of the tensor data, in bytes. */
  readonly dataOffset: number;
  /** Of tensors, in bytes. */
  readonly alignment: number;
}

/**
 * Parses the header of a GGUF file (version 2 or 3) from its first bytes. Throws `GgufError` for other
 * files, and `NeedsMoreBytes` when the header is longer than the bytes given.
 */
export function parseHeader(bytes: Uint8Array): GgufHeader {
  const reader = new ByteReader(bytes);
  readMagic(reader);
  const tensorCount = reader.size("tensors", tensorsLimit);
  const { metadata, types } = readMetadata(reader, reader.size("metadata entries", entriesLimit));
  const tensors = Array.from({ length: tensorCount }, () => readTensor(reader));
  const alignment = readAlignment(metadata);
  return {
    metadata,
    types,
    tensors,
    headerBytes: reader.position,
    dataOffset: Math.ceil(reader.position / alignment) * alignment,
    alignment,
  };
}

function readMagic(reader: ByteReader): void {
  const magic = reader.uint32();
  if (magic !== 0x46554747) throw new GgufError("is not a GGUF model (it does not begin with `GGUF`)");
  const version = reader.uint32();
  if (version !== 2 && version !== 3)
    throw new GgufError(`is a GGUF of version ${version}; versions 2 and 3 are known`);
}

function readMetadata(reader: ByteReader, count: number): Pick<GgufHeader, "metadata" | "types"> {
  const metadata = new Map<string, MetadataValue>();
  const types = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const key = reader.text();
    if (metadata.has(key)) throw new GgufError("is damaged: a metadata entry is there twice");
    const type = reader.uint32();
    if (type !== ValueType.list) metadata.set(key, readValue(reader, type));
    else {
      const itemType = reader.uint32();
      types.set(key, itemType);
      metadata.set(key, readList(reader, itemType));
    }
    if (!types.has(key)) types.set(key, type);
  }
  return { metadata, types };
}

function readList(reader: ByteReader, itemType: number): MetadataValue[] {
  const length = reader.size("values in a list", valuesLimit);
  const values: MetadataValue[] = [];
  for (let index = 0; index < length; index++) values.push(readValue(reader, itemType));
  return values;
}

function readValue(reader: ByteReader, type: number): MetadataValue {
  const read = valueReaders[type];
  if (read === undefined)
    throw new GgufError("is damaged: a metadata entry has a type that GGUF does not know");
  return read(reader);
}

const valueReaders: Readonly<Record<number, (reader: ByteReader) => MetadataValue>> = {
  [ValueType.uint8]: (reader) => reader.uint8(),
  [ValueType.int8]: (reader) => reader.int8(),
  [ValueType.uint16]: (reader) => reader.uint16(),
  [ValueType.int16]: (reader) => reader.int16(),
  [ValueType.uint32]: (reader) => reader.uint32(),
  [ValueType.int32]: (reader) => reader.int32(),
  [ValueType.float32]: (reader) => reader.float32(),
  [ValueType.flag]: (reader) => reader.uint8() !== 0,
  [ValueType.text]: (reader) => reader.text(),
  [ValueType.uint64]: (reader) => toNumber(reader.uint64()),
  [ValueType.int64]: (reader) => toNumber(reader.int64()),
  [ValueType.float64]: (reader) => reader.float64(),
};

function readTensor(reader: ByteReader): TensorInfo {
  const name = reader.text();
  const axes = reader.uint32();
  if (axes < 1 || axes > 4) throw new GgufError("is damaged: a tensor has an impossible shape");
  const dimensions = Array.from({ length: axes }, () => Number(reader.uint64()));
  return { name, dimensions, type: reader.uint32(), offset: Number(reader.uint64()) };
}

function readAlignment(metadata: ReadonlyMap<string, MetadataValue>): number {
  const alignment = metadata.get("general.alignment") ?? 32;
  const isPowerOfTwo = typeof alignment === "number" && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (!isPowerOfTwo) throw new GgufError("is damaged: its alignment is not a power of two");
  return alignment;
}

const toNumber = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;

/** Far above real models; they catch damaged sizes. */
const tensorsLimit = 100_000;
const entriesLimit = 10_000;
const valuesLimit = 10_000_000;

/** The bytes end inside the header. */
export class NeedsMoreBytes extends Error {
  override readonly name = "NeedsMoreBytes";
}

/** Reads little-endian values. Throws `NeedsMoreBytes` at the end. */
class ByteReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

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

  text(): string {
    const length = this.size("characters in a text", textLimitBytes);
    const from = this.#take(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  /** A count, which must be plausible. */
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

/** A file that is no GGUF model, or a damaged one. The message completes the sentence "the file …". */
export class GgufError extends Error {
  override readonly name = "GgufError";
}
