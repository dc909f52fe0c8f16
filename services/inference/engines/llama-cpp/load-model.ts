import { basename, extname } from "node:path";
import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import { reasoningTags } from "./answer/reasoning-reader.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkShape } from "./gguf/check.ts";
import { GgufError } from "./gguf/header.ts";
import { Metadata } from "./gguf/metadata.ts";
import { type ModelFile, openModelFile } from "./gguf/model-file.ts";
import { gainsFromEven } from "./native/batcher.ts";
import { type ContextRequest, type MemoryNeed, memoryNeed, planContext } from "./native/memory-plan.ts";
import { NativeModel } from "./native/native-model.ts";
import { findAddon } from "./native/platform.ts";
import { SequencePool } from "./native/sequence-pool.ts";
import { ChatTemplate } from "./prompt/chat-template.ts";
import { Tokenizer } from "./prompt/tokenizer.ts";
import { detectToolCallFormat } from "./tool-calls/formats.ts";
import type { ToolCallFormat } from "./tool-calls/tool-call-format.ts";
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
  /** Whether it can reason. */
  readonly reasons: boolean;
  readonly reportsLogits: boolean;
  /** Tokens of one generation, prompt and answer together. */
  readonly contextLength: number;
  /** See `fingerprintOf`. */
  readonly fingerprint: string;
  readonly clock: Clock;
}

/** What to load, and how. */
export interface LoadOptions extends ContextRequest {
  readonly path: string;
  readonly threads: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLoadProgress?: (share: number) => void;
}

/**
 * Loads a model. All that the file reveals is checked before native code sees it, because a fault there may
 * end the process. Throws `invalid_request` that says what to do.
 */
export async function loadModel(options: LoadOptions, signal: AbortSignal): Promise<LoadedModel> {
  const { path, threads, clock, log, onLoadProgress } = options;
  const build = findAddon();
  const file = await openModelFile(path, signal);
  const described = describeFile(file);
  const plan = planContext(described.metadata, file.sizeBytes, process.availableMemory(), options);
  const fingerprint = await fingerprintOf(file, build.name, signal);
  const even = gainsFromEven(file.header.tensors.map(({ type }) => type));
  const { metadata, vocabulary, template } = described;
  const native = await NativeModel.load(
    { path, metadata, threads, even, log, onLoadProgress, ...plan },
    signal,
  );
  const toolCallFormat = template.showsTools ? detectToolCallFormat(template.source) : undefined;
  const tags = [...(toolCallFormat?.tags ?? []), ...Object.values(reasoningTags)];
  showTags(vocabulary, tags);
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

function describeFile(file: ModelFile): {
  metadata: Metadata;
  vocabulary: Vocabulary;
  template: ChatTemplate;
} {
  try {
    const metadata = new Metadata(file.header);
    checkShape(file.header, metadata);
    const vocabulary = new Vocabulary(metadata);
    const piece = (key: string) =>
      vocabulary.pieces[metadata.number(`tokenizer.ggml.${key}_token_id`) ?? -1] ?? "";
    const template = new ChatTemplate(metadata, { bos_token: piece("bos"), eos_token: piece("eos") });
    return { metadata, vocabulary, template };
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    throw new MeshError("invalid_request", `${file.path} cannot be loaded: the file ${error.message}.`, {
      cause: error,
    });
  }
}

/** Gives tags that are control tokens a text, because the reader of answers looks for it. */
function showTags(vocabulary: Vocabulary, tags: readonly string[]): void {
  for (const tag of tags) {
    const token = vocabulary.special(tag);
    if (token !== undefined) vocabulary.show(token);
  }
}

/** What a GGUF file reveals before it is loaded. */
export interface ModelFileFacts {
  readonly path: string;
  /** Default name to serve under: the file name without its extension. */
  readonly name: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  readonly need: MemoryNeed;
}

/** How to inspect a file. */
export interface InspectOptions {
  readonly signal: AbortSignal;
  /** Tokens of one slot; absent for the engine's default. */
  readonly contextSize?: number | undefined;
}

/**
 * Reads and checks the header of a GGUF file, as loading does. Throws `invalid_request` that says what is
 * wrong and what to do.
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
