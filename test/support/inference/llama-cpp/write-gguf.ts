/** A typed metadata entry. */
export type Entry = readonly [
  type: "u32" | "f32" | "bool" | "text" | "texts" | "f32s" | "i32s",
  value: unknown,
];

/** A tensor of 32-bit floats. */
export interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly data: Float32Array;
}

/** What `writeGguf` writes. */
export interface GgufContent {
  readonly metadata: Readonly<Record<string, Entry>>;
  readonly tensors: readonly Tensor[];
}

/** Encodes a GGUF file (version 3). */
export function writeGguf({ metadata, tensors }: GgufContent): Buffer {
  const parts = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(Object.keys(metadata).length)];
  for (const [key, entry] of Object.entries(metadata)) parts.push(text(key), writeEntry(entry));
  let offset = 0;
  for (const { name, dimensions, data } of tensors) {
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(0), u64(offset));
    offset += padded(data.byteLength);
  }
  const header = Buffer.concat(parts);
  const padding = Buffer.alloc(padded(header.length) - header.length);
  return Buffer.concat([header, padding, ...tensors.map(({ data }) => tensorBytes(data))]);
}

function writeEntry([type, value]: Entry): Buffer {
  switch (type) {
    case "u32":
      return Buffer.concat([u32(4), u32(value as number)]);
    case "f32":
      return Buffer.concat([u32(6), f32(value as number)]);
    case "bool":
      return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)]);
    case "text":
      return Buffer.concat([u32(8), text(value as string)]);
    case "texts":
      return list(8, (value as string[]).map(text));
    case "f32s":
      return list(6, (value as number[]).map(f32));
    case "i32s":
      return list(5, (value as number[]).map(u32));
  }
}

const list = (type: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([u32(9), u32(type), u64(items.length), ...items]);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function tensorBytes(data: Float32Array): Buffer {
  const bytes = Buffer.alloc(padded(data.byteLength));
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).copy(bytes);
  return bytes;
}

const padded = (bytes: number): number => Math.ceil(bytes / 32) * 32;
