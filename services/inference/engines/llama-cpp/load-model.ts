import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, extname } from "node:path";
import { type Clock, systemClock } from "../../../../core/clock.ts";
import { toApproximate } from "../../../../core/generation/resume.ts";
import { type Log, silentLog } from "../../../../core/telemetry/log.ts";
import { reasoningTags } from "./answer/pieces.ts";
import { checkShape } from "./gguf/check.ts";
import { loadFault, type ModelFile, openModelFile } from "./gguf/model-file.ts";
import { type MemoryNeed, memoryNeed, planContext } from "./native/memory-plan.ts";
import { type Computing, NativeModel } from "./native/native-model.ts";
import { findAddon } from "./native/platform.ts";
import { SequencePool } from "./native/sequence-pool.ts";
import { ChatTemplate } from "./prompt/chat-template.ts";
import { Tokenizer } from "./prompt/tokenizer.ts";
import { detectToolCallFormat, type ToolCallFormat } from "./tool-calls/formats.ts";
import { Vocabulary } from "./vocabulary.ts";

/** A model that is ready to answer. */
export interface LoadedModel {
  readonly native: NativeModel;
  readonly pool: SequencePool;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** Undefined when it makes no tool calls, or in an unknown format. */
  readonly toolCallFormat: ToolCallFormat | undefined;
  readonly reasons: boolean;
  readonly reportsLogits: boolean;
  /** Tokens of one generation, prompt and answer together. */
  readonly contextLength: number;
  readonly fingerprint: string;
  readonly clock: Clock;
}

/** What to serve, and how. */
export interface LlamaCppOptions {
  readonly modelPath: string;
  /** Name to serve under; default: the file name without its extension. */
  readonly modelName?: string;
  /** Concurrent generations; default: up to 8, as memory allows. */
  readonly slots?: number;
  /** Tokens of one generation, prompt and answer together; default: the trained length, up to 4096. */
  readonly contextSize?: number;
  /** Compute threads; default 1. More than idle cores slow it down. */
  readonly threads?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Called with the progress of loading, in [0, 1], and what is being loaded. */
  readonly onProgress?: ((what: string, share: number) => void) | undefined;
}

/** Loads a model, first checking what would crash native code. Throws `invalid_request` with what to do. */
export async function loadModel(options: LlamaCppOptions, signal: AbortSignal): Promise<LoadedModel> {
  const { modelPath: path, threads = 1, clock = systemClock, log = silentLog, onProgress } = options;
  const startedAt = clock.now();
  const build = findAddon();
  const file = await openModelFile(path, signal);
  const { vocabulary, template } = describeFile(file);
  const { metadata, tensors } = file.header;
  const plan = planContext(metadata, file.sizeBytes, process.availableMemory(), options);
  const native = await NativeModel.load(
    {
      ...plan,
      path,
      metadata,
      vocabulary,
      threads,
      matrixTypes: tensors.filter(({ dimensions }) => dimensions.length > 1).map(({ type }) => type),
      vocabularySize: vocabulary.size,
      log,
      onLoadProgress: (share) => onProgress?.(`loading ${stemOf(path)}`, share),
    },
    signal,
  );
  const fingerprint = await fingerprintOf(file, build.name, native.computing, signal);
  const toolCallFormat = template.showsTools ? detectToolCallFormat(template.source) : undefined;
  const tags = [...(toolCallFormat?.tags ?? []), ...Object.values(reasoningTags)];
  // Control tokens get a text, because the reader of answers looks for it.
  for (const tag of tags) vocabulary.show(vocabulary.special(tag));
  log.info(
    {
      path,
      slots: plan.slots,
      context_length: plan.contextSize,
      fingerprint,
      batches: native.computing.rule.name,
      exact: native.computing.digest !== undefined,
      tool_calls: toolCallFormat?.name ?? "none",
      duration_ms: Math.round(clock.now() - startedAt),
    },
    "model loaded",
  );
  return {
    native,
    pool: new SequencePool(native.context.sequences),
    vocabulary,
    tokenizer: new Tokenizer(native, vocabulary, [template.source, ...tags].join("\n")),
    template,
    toolCallFormat,
    reasons:
      template.source.includes(reasoningTags.begin) || vocabulary.special(reasoningTags.begin) !== undefined,
    contextLength: plan.contextSize,
    reportsLogits: build.reportsLogits,
    fingerprint,
    clock,
  };
}

/** Checks the model's shape, and reads what answers need. */
function describeFile({ path, header }: ModelFile): { vocabulary: Vocabulary; template: ChatTemplate } {
  try {
    checkShape(header);
    const { metadata } = header;
    const vocabulary = new Vocabulary(metadata);
    const piece = (key: string) =>
      vocabulary.pieces[metadata.number(`tokenizer.ggml.${key}_token_id`) ?? -1] ?? "";
    const template = new ChatTemplate(metadata, { bos_token: piece("bos"), eos_token: piece("eos") });
    return { vocabulary, template };
  } catch (error) {
    throw loadFault(path, error);
  }
}

/** The name of a file without its extension, under which its model is served by default. */
export const stemOf = (path: string): string => basename(path, extname(path));

/** What a GGUF file reveals before it is loaded. */
export interface ModelFileFacts {
  readonly path: string;
  readonly name: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  readonly need: MemoryNeed;
}

/** Reads and checks the header of a GGUF file, as loading does. `contextSize`: tokens of one slot. */
export async function inspectModelFile(
  path: string,
  { signal, contextSize }: { readonly signal: AbortSignal; readonly contextSize?: number | undefined },
): Promise<ModelFileFacts> {
  const file = await openModelFile(path, signal);
  describeFile(file);
  const { sizeBytes, header } = file;
  return {
    path,
    name: stemOf(path),
    architecture: header.metadata.architecture,
    sizeBytes,
    need: memoryNeed(header.metadata, sizeBytes, contextSize),
  };
}

/**
 * Equal where engines continue each other's answers: same file, llama.cpp build, architecture and batch rule, and logits
 * that are equal to the last bit; marked as approximate where these depend on what else is computed.
 */
export async function fingerprintOf(
  file: ModelFile,
  build: string,
  { rule, digest }: Computing,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256").update(
    `${build}\n${process.arch}\n${file.sizeBytes}\n${rule.name}\n${digest}\n`,
  );
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
  const found = hash.digest("hex").slice(0, 16);
  return digest === undefined ? toApproximate(found) : found;
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

/** 64 MiB in all take a fraction of a second; all of a large file, minutes. */
const blocks = 64;
const blockBytes = 1024 * 1024;
