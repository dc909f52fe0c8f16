import { GgufError } from "./gguf-error.ts";
import type { GgufHeader, TensorInfo } from "./header.ts";
import { tensorTypes } from "./tensor-types.ts";

/**
 * Throws `GgufError` when tensors lie outside of the file, or have shapes or types that cannot be: such a file
 * must not reach native code.
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

/** Bytes of a tensor's data. */
export function tensorBytes({ dimensions, type }: TensorInfo): number {
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
