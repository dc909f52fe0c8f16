import { basename, extname } from "node:path";
import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import { thinkingMarks } from "./answer/thought-reader.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkShape } from "./gguf/check-shape.ts";
import { GgufError } from "./gguf/header.ts";
import { Metadata } from "./gguf/metadata.ts";
import { type ModelFile, openModelFile } from "./gguf/model-file.ts";
import { gainsFromEven } from "./native/batcher.ts";
import { type ContextWish, type MemoryNeed, memoryNeed, planContext } from "./native/memory-plan.ts";
import { NativeModel } from "./native/native-model.ts";
import { findAddon } from "./native/platform.ts";
import { SequencePool } from "./native/sequence-pool.ts";
import { detectNotation } from "./notations/formats.ts";
import type { Notation } from "./notations/notation.ts";
import { ChatTemplate } from "./prompt/chat-template.ts";
import { Tokenizer } from "./prompt/tokenizer.ts";
import { Vocabulary } from "./vocabulary.ts";

/** A model that is ready to answer, and everything that is known about it. */
export interface LoadedModel {
  readonly native: NativeModel;
  readonly pool: SequencePool;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** How it writes tool calls; undefined when it makes none, or in a way that is not known. */
  readonly notation: Notation | undefined;
  /** Whether it knows marks for thoughts. */
  readonly thinks: boolean;
  /** Whether log probabilities can be had. */
  readonly tellsLogits: boolean;
  /** Tokens that prompt and answer of one generation may have together. */
  readonly contextLength: number;
  /** Equal on engines that continue each other's answers exactly. */
  readonly fingerprint: string;
  readonly clock: Clock;
}

/** What to load, and how. */
export interface LoadOptions extends ContextWish {
  readonly path: string;
  readonly threads: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Told how far reading the file has come, in [0, 1]. */
  readonly onLoadProgress?: (share: number) => void;
}

/**
 * Loads a model. Everything that can be known from the file is checked before native code sees it, because a
 * fault there may end the process. Throws `invalid_request` with a message that says what to do.
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
  const notation = template.showsTools ? detectNotation(template.source) : undefined;
  showMarks(vocabulary, [...(notation?.marks ?? []), ...Object.values(thinkingMarks)]);
  const marks = [template.source, ...(notation?.marks ?? []), ...Object.values(thinkingMarks)].join("\n");
  return {
    native,
    pool: new SequencePool(native.context.sequences),
    vocabulary,
    tokenizer: new Tokenizer(native, vocabulary, marks),
    template,
    notation,
    thinks:
      template.source.includes(thinkingMarks.begin) || vocabulary.special(thinkingMarks.begin) !== undefined,
    contextLength: plan.contextSize,
    tellsLogits: build.tellsLogits,
    fingerprint,
    clock,
  };
}

/** What the file says, in the forms that the engine works with. Throws `invalid_request` when it makes no sense. */
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

/** Marks that are control tokens have no text of their own, but the reader of answers looks for it. */
function showMarks(vocabulary: Vocabulary, marks: readonly string[]): void {
  for (const mark of marks) {
    const token = vocabulary.special(mark);
    if (token !== undefined) vocabulary.show(token);
  }
}

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
