import { create } from "@bufbuild/protobuf";
import { type Gpu, GpuSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** A card by its own name and the bytes of its memory; 0 for what is no number of bytes. */
export const toGpu = (name: string, bytes: number): Gpu =>
  create(GpuSchema, { name: toLabel(name), memoryBytes: BigInt(Number.isSafeInteger(bytes) ? bytes : 0) });

/** A name that a machine gave, fit for a table: one line, no control characters, not too long. */
export const toLabel = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 128);
