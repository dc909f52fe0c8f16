import { GgufError, type GgufHeader, type Metadata, type TensorInfo } from "./header.ts";

/** Throws `GgufError` when tensors lie outside the file or have impossible shapes or types. */
export function checkTensors(header: GgufHeader, fileBytes: number): void {
  if (header.tensors.length === 0) throw new GgufError("holds no model: it has no tensors");
  const names = new Set(header.tensors.map(({ name }) => name));
  if (names.size < header.tensors.length) throw new GgufError("is damaged: a tensor is there twice");
  for (const tensor of header.tensors) {
    const end = header.dataOffset + tensor.offset + tensorBytes(tensor);
    if (tensor.offset % header.alignment !== 0 || !Number.isSafeInteger(end))
      throw new GgufError("is damaged: a tensor has an impossible place");
    if (end > fileBytes)
      throw new GgufError(
        `is cut off: it has ${fileBytes} bytes, but its tensors reach to ${end}. Download it again`,
      );
  }
}

function tensorBytes({ dimensions, type }: TensorInfo): number {
  const elements = dimensions.reduce((product, size) => product * size, 1);
  if (dimensions.some((size) => size < 1) || !Number.isSafeInteger(elements))
    throw new GgufError("is damaged: a tensor has an impossible shape");
  const stored = tensorTypes.get(type);
  if (stored === undefined)
    throw new GgufError(`has tensors of a type (${type}) that the embedded engine does not know`);
  if (dimensions[0]! % stored.elements !== 0)
    throw new GgufError("is damaged: a tensor has an impossible shape");
  return (elements / stored.elements) * stored.bytes;
}

/** ggml's types (ggml.h and ggml-common.h): elements per block, then pairs of type and bytes per block. */
const blocks: readonly (readonly [elements: number, ...types: number[]])[] = [
  // Plain numbers: F32, F16, I8, I16, I32, I64, F64, BF16.
  [1, 0, 4, 1, 2, 24, 1, 25, 2, 26, 4, 27, 8, 28, 8, 30, 2],
  // Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, IQ4_NL, MXFP4.
  [32, 2, 18, 3, 20, 6, 22, 7, 24, 8, 34, 9, 36, 20, 18, 39, 17],
  // Q2_K … Q8_K.
  [256, 10, 84, 11, 110, 12, 144, 13, 176, 14, 210, 15, 292],
  // IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ3_S, IQ2_S, IQ4_XS, IQ1_M, TQ1_0, TQ2_0.
  [256, 16, 66, 17, 74, 18, 98, 19, 50, 21, 110, 22, 82, 23, 136, 29, 56, 34, 54, 35, 66],
];

const tensorTypes = new Map(
  blocks.flatMap(([elements, ...types]) =>
    types.flatMap((type, index) =>
      index % 2 === 0 ? [[type, { elements, bytes: types[index + 1]! }] as const] : [],
    ),
  ),
);

/** Throws `GgufError` for impossible or mismatched sizes, on many of which native code aborts the process. */
export function checkShape(header: GgufHeader): void {
  const { metadata } = header;
  // Models without attention have none of these sizes, all others have all.
  const hasAttention = !/mamba|rwkv/.test(metadata.architecture);
  for (const [key, most, needed] of sizeLimits) {
    const size = metadata.shape(key) ?? (needed && hasAttention ? 0 : undefined);
    const least = hasAttention && !key.startsWith("expert") ? 1 : 0;
    if (size !== undefined && !(Number.isInteger(size) && size >= least && size <= most))
      throw impossible(metadata, key);
  }
  for (const key of ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"]) {
    const epsilon = metadata.shape(key);
    if (epsilon !== undefined && !(epsilon >= 0 && epsilon < 1)) throw impossible(metadata, key);
  }
  for (const [key, types] of valueTypes) {
    const type = header.types.get(key);
    if (type !== undefined && !types.includes(type))
      throw new GgufError(`is damaged: \`${key}\` has a wrong type`);
  }
  const parts = metadata.number("split.count") ?? 1;
  if (parts > 1)
    throw new GgufError(
      `is one of ${parts} parts of a model. Put them together with \`llama-gguf-split --merge\``,
    );
  checkExperts(metadata);
  checkScaling(metadata);
  checkTokens(header);
}

function checkExperts(metadata: Metadata): void {
  const experts = metadata.shape("expert_count") ?? 0;
  const used = metadata.shape("expert_used_count") ?? 0;
  if (used > experts || (experts > 0 && used === 0))
    throw new GgufError("is damaged: its numbers of experts contradict each other");
}

function checkScaling(metadata: Metadata): void {
  const scaling = metadata.text(`${metadata.architecture}.rope.scaling.type`);
  if (scaling !== undefined && !["none", "linear", "yarn", "longrope"].includes(scaling))
    throw new GgufError("has a way to scale positions that the embedded engine does not know");
}

function checkTokens({ metadata, tensors }: GgufHeader): void {
  const embedding = tensors.find(({ name }) => name === "token_embd.weight");
  const length = metadata.shape("embedding_length");
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  if (embedding === undefined || length === undefined || tokens === undefined)
    throw new GgufError("holds no language model");
  if (embedding.dimensions[0] !== length || embedding.dimensions[1] !== tokens.length)
    throw new GgufError("is damaged: its vocabulary and its tensors have different sizes");
  for (const key of ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"]) {
    const list = metadata.numbers(key);
    if (list !== undefined && list.length !== tokens.length)
      throw new GgufError(`is damaged: \`${key}\` has not as many values as there are tokens`);
  }
  const named = tokens.filter((token) => token !== "");
  if (new Set(named).size < named.length) throw new GgufError("is damaged: a token is there twice");
  for (const key of ["bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "mask"]) {
    const token = metadata.number(`tokenizer.ggml.${key}_token_id`);
    if (token !== undefined && !(token >= 0 && token < tokens.length))
      throw new GgufError(`is damaged: its ${key} token is none of its tokens`);
  }
}

const impossible = ({ architecture }: Metadata, key: string): GgufError =>
  new GgufError(`is damaged: \`${architecture}.${key}\` is missing, or cannot be`);

/** By the key after the architecture. 512 is llama.cpp's limit for layers and experts. */
const sizeLimits: readonly (readonly [key: string, most: number, needed: boolean])[] = [
  ["block_count", 512, true],
  ["context_length", 2 ** 26, true],
  ["embedding_length", 2 ** 20, true],
  ["feed_forward_length", 2 ** 24, true],
  ["attention.head_count", 2 ** 12, true],
  ["attention.head_count_kv", 2 ** 12, false],
  ["attention.key_length", 2 ** 16, false],
  ["attention.value_length", 2 ** 16, false],
  ["expert_count", 512, false],
  ["expert_used_count", 512, false],
];

const valueTypes: readonly [key: string, types: readonly string[]][] = [
  ["general.alignment", ["uint32"]],
  ["split.no", ["uint16"]],
  ["split.count", ["uint16"]],
  ["split.tensors.count", ["int32"]],
  ["tokenizer.ggml.tokens", ["string"]],
  ["tokenizer.ggml.merges", ["string"]],
  ["tokenizer.ggml.scores", ["float32"]],
  ["tokenizer.ggml.token_type", ["int32", "uint32"]],
];
