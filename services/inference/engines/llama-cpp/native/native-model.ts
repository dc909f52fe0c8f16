import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import type { Metadata } from "../gguf/metadata.ts";
import { type Addon, type AddonModel, type AddonSampler, loadAddon } from "./addon.ts";
import { Context } from "./context.ts";
import { Embedder } from "./embedder.ts";
import { Grammars } from "./grammars.ts";
import type { ContextPlan } from "./memory-plan.ts";

/** How to load. */
export interface NativeModelOptions extends ContextPlan {
  readonly path: string;
  readonly metadata: Metadata;
  /** Threads that compute. */
  readonly threads: number;
  /** Whether batches are to be made even (`Batcher`), where the model allows it. */
  readonly even: boolean;
  readonly log: Log;
  /** Told how far reading the file has come, in [0, 1]. */
  readonly onLoadProgress?: ((share: number) => void) | undefined;
}

/** A model in memory with one context of several sequences, all of which compute in one batch. */
export class NativeModel {
  readonly model: AddonModel;
  readonly context: Context;
  readonly grammars: Grammars;
  readonly embedder: Embedder;
  /** The token that begins every text, where the model wants one. */
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
    this.embedder = new Embedder(() => Context.open(addon, model, vectors), { before: this.begin, after });
  }

  /** Loads. Throws `invalid_request` when the library or the model does not load, saying what to do. */
  static async load(options: NativeModelOptions, signal: AbortSignal): Promise<NativeModel> {
    const { slots, contextSize, threads, even, metadata } = options;
    const addon = await loadAddon(options.log);
    const model = await loadInTurn(addon, options, signal);
    try {
      const context = await Context.open(addon, model, {
        sequences: slots,
        contextSize,
        threads,
        even: even && canForgetLast(addon, metadata),
        embeddings: false,
      }).catch((error) => {
        throw contextFault(options, error);
      });
      const native = new NativeModel(addon, model, context, options);
      if (signal.aborted) await context.close();
      signal.throwIfAborted();
      return native;
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  /** Whether a token ends the model's turn. */
  isEnd(token: number): boolean {
    return this.#ends.includes(token) || this.model.isEogToken(token);
  }

  /** A sampler for one generation. Dispose of it only while it is not at work. */
  createSampler(): AddonSampler {
    return new this.#addon.AddonSampler(this.model);
  }

  /** Frees the memory. Nothing may be at work. */
  async close(): Promise<void> {
    await this.embedder.close();
    await this.context.close();
    await this.model.dispose();
  }
}

/** Loads one model after the other, as node-llama-cpp does: two at once would only share the disk. */
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

/**
 * Whether a model can forget its last token and nothing else, as padding needs it. Those with a state instead of a
 * cache cannot, nor those with a sliding window, where a token pushes another one out.
 */
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
