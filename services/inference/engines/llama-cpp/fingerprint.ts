import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { ModelFile } from "./gguf/model-file.ts";

/**
 * Equal on engines that continue each other's answers exactly: same model file, llama.cpp build and processor
 * architecture. Large files are sampled, because hashing all of one takes minutes.
 */
export async function fingerprintOf(file: ModelFile, build: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256").update(`${build}\n${process.arch}\n${file.sizeBytes}\n`);
  const handle = await open(file.path, "r");
  try {
    for (const [from, to] of sampledRanges(file)) {
      signal.throwIfAborted();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
  return hash.digest("hex").slice(0, 16);
}

/** The header, and all of the data or evenly spaced blocks of it. */
function sampledRanges({ header, sizeBytes }: ModelFile): [from: number, to: number][] {
  const ranges: [number, number][] = [[0, header.headerBytes]];
  const dataBytes = sizeBytes - header.dataOffset;
  const step = Math.max(blockBytes, Math.floor(dataBytes / blocks));
  for (let from = header.dataOffset; from < sizeBytes; from += step)
    ranges.push([from, Math.min(from + blockBytes, sizeBytes)]);
  return ranges;
}

/** 64 MiB in all take a fraction of a second. */
const blocks = 64;
const blockBytes = 1024 * 1024;
