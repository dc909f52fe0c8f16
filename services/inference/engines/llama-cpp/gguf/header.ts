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

/** The header of a GGUF file. */
export interface GgufHeader {
  readonly metadata: Metadata;
  /** Types of the metadata as GGUF names them; for lists, of their items. */
  readonly types: ReadonlyMap<string, string>;
  readonly tensors: readonly TensorInfo[];
  readonly headerBytes: number;
  /** Start of the tensor data, in bytes. */
  readonly dataOffset: number;
  /** Of tensors, in bytes. */
  readonly alignment: number;
}

/** Parses the header of a GGUF file from its first bytes. Throws `GgufError`, and `NeedsMoreBytes` at their end. */
export function parseHeader(bytes: Uint8Array): GgufHeader {
  const reader = new ByteReader(bytes);
  if (reader.uint32() !== 0x46554747)
    throw new GgufError("is not a GGUF model (it does not begin with `GGUF`)");
  const version = reader.uint32();
  if (version !== 2 && version !== 3)
    throw new GgufError(`is a GGUF of version ${version}; versions 2 and 3 are known`);
  const tensorCount = reader.size("tensors", tensorsLimit);
  const { metadata, types } = readMetadata(reader, reader.size("metadata entries", entriesLimit));
  const tensors = Array.from({ length: tensorCount }, () => readTensor(reader));
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || alignment <= 0 || (alignment & (alignment - 1)) !== 0)
    throw new GgufError("is damaged: its alignment is not a power of two");
  return {
    metadata: new Metadata(metadata),
    types,
    tensors,
    headerBytes: reader.position,
    dataOffset: Math.ceil(reader.position / alignment) * alignment,
    alignment,
  };
}

function readMetadata(reader: ByteReader, count: number) {
  const metadata = new Map<string, MetadataValue>();
  const types = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const key = reader.text();
    if (metadata.has(key)) throw new GgufError("is damaged: a metadata entry is there twice");
    const number = reader.uint32();
    const isList = number === listType;
    const type = valueTypes[isList ? reader.uint32() : number];
    if (type === undefined)
      throw new GgufError("is damaged: a metadata entry has a type that GGUF does not know");
    const length = isList ? reader.size("values in a list", valuesLimit) : 1;
    const values: MetadataValue[] = [];
    while (values.length < length) values.push(type.read(reader));
    types.set(key, type.name);
    metadata.set(key, isList ? values : values[0]!);
  }
  return { metadata, types };
}

const listType = 9;

/** By number. A list (9) names the type of its items, which are no lists. */
const valueTypes: Readonly<Record<number, { name: string; read: (reader: ByteReader) => MetadataValue }>> = {
  0: { name: "uint8", read: ({ bytes, take }) => bytes.readUInt8(take(1)) },
  1: { name: "int8", read: ({ bytes, take }) => bytes.readInt8(take(1)) },
  2: { name: "uint16", read: ({ bytes, take }) => bytes.readUInt16LE(take(2)) },
  3: { name: "int16", read: ({ bytes, take }) => bytes.readInt16LE(take(2)) },
  4: { name: "uint32", read: (reader) => reader.uint32() },
  5: { name: "int32", read: ({ bytes, take }) => bytes.readInt32LE(take(4)) },
  6: { name: "float32", read: ({ bytes, take }) => bytes.readFloatLE(take(4)) },
  7: { name: "bool", read: ({ bytes, take }) => bytes.readUInt8(take(1)) !== 0 },
  8: { name: "string", read: (reader) => reader.text() },
  10: { name: "uint64", read: (reader) => toNumber(reader.uint64()) },
  11: { name: "int64", read: ({ bytes, take }) => toNumber(bytes.readBigInt64LE(take(8))) },
  12: { name: "float64", read: ({ bytes, take }) => bytes.readDoubleLE(take(8)) },
};

const toNumber = (value: bigint): number | bigint =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value;

function readTensor(reader: ByteReader): TensorInfo {
  const name = reader.text();
  const axes = reader.uint32();
  if (axes < 1 || axes > 4) throw new GgufError("is damaged: a tensor has an impossible shape");
  const dimensions = Array.from({ length: axes }, () => Number(reader.uint64()));
  return { name, dimensions, type: reader.uint32(), offset: Number(reader.uint64()) };
}

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
  readonly bytes: Buffer;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64LE(this.take(8));
  }

  text(): string {
    const length = this.size("characters in a text", textLimitBytes);
    const from = this.take(length);
    return this.bytes.toString("utf8", from, from + length);
  }

  /** A count, which must be plausible. */
  size(what: string, limit: number): number {
    const count = this.uint64();
    if (count > limit) throw new GgufError(`is damaged: it claims to have ${count} ${what}`);
    return Number(count);
  }

  /** The position of the next bytes, which are then read. */
  readonly take = (length: number): number => {
    const from = this.position;
    if (from + length > this.bytes.length) throw new NeedsMoreBytes();
    this.position = from + length;
    return from;
  };
}

const textLimitBytes = 64 * 1024 * 1024;

/** A file that is no GGUF model, or a damaged one. The message completes the sentence "the file …". */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

/** Typed access to metadata. Throws `GgufError` when a value has the wrong type. */
export class Metadata {
  readonly #values: ReadonlyMap<string, MetadataValue>;

  constructor(values: ReadonlyMap<string, MetadataValue>) {
    this.#values = values;
  }

  /** The model's family, such as `llama` or `qwen2`; prefix of the keys for its shape. */
  get architecture(): string {
    const architecture = this.text("general.architecture");
    if (architecture === undefined) throw new GgufError("does not say which architecture its model has");
    return architecture;
  }

  text(key: string): string | undefined {
    return this.#typed(key, "text", (value) => typeof value === "string");
  }

  flag(key: string): boolean | undefined {
    return this.#typed(key, "flag", (value) => typeof value === "boolean");
  }

  number(key: string): number | undefined {
    return this.#typed(key, "number", (value) => typeof value === "number");
  }

  texts(key: string): readonly string[] | undefined {
    return this.#typed(key, "list of texts", (value) => isListOf(value, "string"));
  }

  numbers(key: string): readonly number[] | undefined {
    return this.#typed(key, "list of numbers", (value) => isListOf(value, "number"));
  }

  /** A number of the model's shape, such as `block_count`; the largest where layers differ. */
  shape(key: string): number | undefined {
    const name = `${this.architecture}.${key}`;
    const value = this.#values.get(name);
    return Array.isArray(value)
      ? (this.numbers(name) ?? []).reduce((most, size) => Math.max(most, size), Number.NEGATIVE_INFINITY)
      : this.number(name);
  }

  #typed<T extends MetadataValue>(
    key: string,
    type: string,
    is: (value: MetadataValue) => boolean,
  ): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && !is(value)) throw new GgufError(`is damaged: \`${key}\` is no ${type}`);
    return value as T | undefined;
  }
}

const isListOf = (value: MetadataValue, type: string): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === type);
