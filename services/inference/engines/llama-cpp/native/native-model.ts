import type { Llama, LlamaContext, LlamaContextSequence, LlamaModel } from "node-llama-cpp";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import { arrangeBatches, paddingTokens } from "./batches.ts";
import { Embedder } from "./embedder.ts";
import { GrammarCache } from "./grammar-cache.ts";
import { addonOf, assertInternals, type NativeSampler, nativeModelOf } from "./library.ts";
import type { ContextPlan } from "./memory-plan.ts";
import { loadModule } from "./module.ts";
import { sharedLlama } from "./shared-llama.ts";

/** How to load. */
export interface NativeModelOptions extends ContextPlan {
  readonly path: string;
  /** Threads that compute. */
  readonly threads: number;
  /** Whether batches are to be made even (`arrangeBatches`). */
  readonly even: boolean;
  readonly log: Log;
  /** Told how far reading the file has come, in [0, 1]. */
  readonly onLoadProgress?: ((share: number) => void) | undefined;
}

/** A model in memory with one context of several sequences, all of which compute in one batch. */
export class NativeModel {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly sequences: readonly LlamaContextSequence[];
  readonly grammars: GrammarCache;
  readonly embedder: Embedder;

  private constructor(llama: Llama, model: LlamaModel, context: LlamaContext, options: NativeModelOptions) {
    this.llama = llama;
    this.model = model;
    this.context = context;
    this.sequences = Array.from({ length: context.totalSequences }, () => context.getSequence());
    this.grammars = new GrammarCache(llama, model);
    this.embedder = new Embedder(model, { contextSize: context.contextSize, threads: options.threads });
    const [first] = this.sequences;
    assertInternals(llama, context, first!);
    // A model that cannot forget its last token cannot be padded.
    arrangeBatches(context, options.even && !first!.needsCheckpoints);
  }

  /** Loads. Throws `invalid_request` when the library or the model does not load, saying what to do. */
  static async load(options: NativeModelOptions, signal: AbortSignal): Promise<NativeModel> {
    const llama = await sharedLlama(options.log);
    let model: LlamaModel | undefined;
    try {
      const { path, onLoadProgress = () => {} } = options;
      model = await llama.loadModel({ modelPath: path, loadSignal: signal, onLoadProgress });
      const context = await model.createContext({
        contextSize: options.contextSize,
        sequences: options.slots,
        threads: options.threads,
        batchSize: batchTokens + paddingTokens(options.slots),
        flashAttention: false,
        failedCreationRemedy: false,
        createSignal: signal,
      });
      return new NativeModel(llama, model, context, options);
    } catch (error) {
      await model?.dispose();
      signal.throwIfAborted();
      throw await toLoadError(error, options.path);
    }
  }

  /** A sampler for one generation. Dispose of it only while it is not at work. */
  createSampler(): NativeSampler {
    return new (addonOf(this.llama).AddonSampler)(nativeModelOf(this.model));
  }

  /** Frees the memory. Nothing may be at work. */
  async close(): Promise<void> {
    await this.embedder.close();
    await this.context.dispose();
    await this.model.dispose();
  }
}

async function toLoadError(error: unknown, path: string): Promise<MeshError> {
  if (error instanceof MeshError) return error;
  const { InsufficientMemoryError } = await loadModule();
  if (error instanceof InsufficientMemoryError)
    return new MeshError(
      "invalid_request",
      `Not enough memory to load ${path}. Choose a smaller model or quantization, fewer slots or a smaller context.`,
      { cause: error },
    );
  return new MeshError(
    "invalid_request",
    `${path} cannot be loaded: llama.cpp does not understand the model. Download it again; if that does not help, its architecture may be too new for the embedded engine.`,
    { cause: error },
  );
}

/** Tokens that are computed together at most. */
const batchTokens = 512;
