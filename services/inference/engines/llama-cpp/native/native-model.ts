import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import type { Metadata } from "../gguf/header.ts";
import { type Addon, type AddonModel, type AddonSampler, loadAddon } from "./addon.ts";
import { type Context, openContext } from "./context.ts";
import { Embedder } from "./embedder.ts";
import { Grammars } from "./grammars.ts";
import type { ContextPlan } from "./memory-plan.ts";

/** How to load a model. */
export interface NativeModelOptions extends ContextPlan {
  readonly path: string;
  readonly metadata: Metadata;
  readonly threads: number;
  /** Whether to use even batches (see `Batcher`) where the model supports them. */
  readonly even: boolean;
  readonly log: Log;
  /** Called with the progress of loading, in [0, 1]. */
  readonly onLoadProgress?: ((share: number) => void) | undefined;
}

/** A loaded model with one context of several sequences, computed in shared batches. */
export class NativeModel {
  readonly model: AddonModel;
  readonly context: Context;
  readonly grammars: Grammars;
  readonly embedder: Embedder;
  /** The token that starts every text, if the model has one. */
  readonly begin: number | undefined;
  readonly #addon: Addon;
  readonly #ends: readonly number[];

  private constructor(addon: Addon, model: AddonModel, context: Context, options: NativeModelOptions) {
    const { contextSize, threads } = options;
    const [bos, eos] = [model.tokenBos(), model.tokenEos()];
    this.#addon = addon;
    this.#ends = [eos, model.eotToken()];
    this.model = model;
    this.context = context;
    this.grammars = new Grammars(addon, model);
    this.begin = bos >= 0 && model.shouldPrependBosToken() ? bos : undefined;
    const after = bos >= 0 && eos >= 0 && model.shouldAppendEosToken() ? eos : undefined;
    const vectors = { sequences: 1, contextSize, threads, even: false, embeddings: true };
    this.embedder = new Embedder(() => openContext(addon, model, vectors), { before: this.begin, after });
  }

  /** Loads a model. Throws `invalid_request` that says what to do when that fails. */
  static async load(options: NativeModelOptions, signal: AbortSignal): Promise<NativeModel> {
    const { slots, contextSize, threads, even, metadata } = options;
    const addon = await loadAddon(options.log);
    const model = await loadInTurn(addon, options, signal);
    try {
      const context = await openContext(addon, model, {
        sequences: slots,
        contextSize,
        threads,
        even: even && canForgetLast(addon, metadata),
        embeddings: false,
      }).catch((error) => {
        throw contextFault(options, error);
      });
      const native = new NativeModel(addon, model, context, options);
      if (signal.aborted) await context.native.dispose();
      signal.throwIfAborted();
      return native;
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  isEnd(token: number): boolean {
    return this.#ends.includes(token) || this.model.isEogToken(token);
  }

  /** Dispose of it only while idle. */
  createSampler(): AddonSampler {
    return new this.#addon.AddonSampler(this.model);
  }

  /** Frees the memory. Call it only while idle. */
  async close(): Promise<void> {
    await this.embedder.close();
    await this.context.native.dispose();
    await this.model.dispose();
  }
}

/** Models load one at a time, as in node-llama-cpp: two at once would compete for the disk. */
function loadInTurn(addon: Addon, options: NativeModelOptions, signal: AbortSignal): Promise<AddonModel> {
  const loading = latestLoad.then(() => loadWeights(addon, options, signal));
  latestLoad = loading.catch(() => {});
  return loading;
}

let latestLoad: Promise<unknown> = Promise.resolve();

async function loadWeights(
  addon: Addon,
  { path, onLoadProgress = () => {} }: NativeModelOptions,
  signal: AbortSignal,
): Promise<AddonModel> {
  signal.throwIfAborted();
  const model = new addon.AddonModel(path, {
    addonExports: addon,
    gpuLayers: 0,
    useMmap: addon.getSupportsMmap(),
    onLoadProgress,
    hasLoadAbortSignal: true,
  });
  const abort = () => model.abortActiveModelLoad();
  signal.addEventListener("abort", abort);
  try {
    const isLoaded = await model.init();
    if (isLoaded && !signal.aborted) return model;
    await model.dispose();
    signal.throwIfAborted();
    throw modelFault(path);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof MeshError ? error : modelFault(path, error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Whether the last token can be removed, as padding needs: not with recurrence or a sliding window. */
function canForgetLast(addon: Addon, metadata: Metadata): boolean {
  const { architecture } = metadata;
  const window = metadata.shape("attention.sliding_window") ?? 0;
  const slides = window > 0 && window < (metadata.shape("context_length") ?? Number.POSITIVE_INFINITY);
  return !(slides || addon.getIsArchRecurrent(architecture) || addon.getIsArchHybrid(architecture));
}

const modelFault = (path: string, cause?: unknown): MeshError =>
  new MeshError(
    "invalid_request",
    `${path} cannot be loaded: llama.cpp does not understand the model. Download it again; if that does not help, its architecture may be too new for the embedded engine.`,
    { cause },
  );

const contextFault = ({ path, slots, contextSize }: NativeModelOptions, cause: unknown): MeshError =>
  new MeshError(
    "invalid_request",
    `Not enough memory to serve ${path} with ${slots} slots of ${contextSize} tokens. Choose a smaller model or quantization, fewer slots (never more than 256) or a smaller context.`,
    { cause },
  );
