import { basename, extname } from "node:path";
import { openModelFile } from "./gguf/model-file.ts";
import { describeFile } from "./load-model.ts";
import { type MemoryNeed, memoryNeed } from "./native/memory-plan.ts";

/** What a GGUF file says about its model, before anything is loaded. */
export interface ModelFileFacts {
  readonly path: string;
  /** What the model is served as unless it is renamed: the file's name without its ending. */
  readonly name: string;
  /** Such as `llama` or `qwen3`. */
  readonly architecture: string;
  readonly sizeBytes: number;
  /** What serving it takes. */
  readonly need: MemoryNeed;
}

/** How to look at a file. */
export interface InspectOptions {
  readonly signal: AbortSignal;
  /** Tokens of one slot; absent means what the engine would choose. */
  readonly contextSize?: number | undefined;
}

/**
 * Reads and checks the header of a GGUF file, as loading it does. Throws `invalid_request` that says what is wrong
 * with the file and what to do.
 */
export async function inspectModelFile(path: string, options: InspectOptions): Promise<ModelFileFacts> {
  const file = await openModelFile(path, options.signal);
  const { metadata } = describeFile(file);
  return {
    path,
    name: basename(path, extname(path)),
    architecture: metadata.architecture,
    sizeBytes: file.sizeBytes,
    need: memoryNeed(metadata, file.sizeBytes, options.contextSize),
  };
}
