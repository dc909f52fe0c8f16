import { GgufError, type GgufHeader, type TensorInfo } from "./header.ts";

/**
 * Throws `GgufError` when tensors lie outside the file or have impossible shapes or types, which must not
 * reach native code.
 */
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

/**
 * ggml's types (ggml.h, `enum ggml_type`, and ggml-common.h): elements per block, then pairs of type and
 * bytes per block.
 */
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
