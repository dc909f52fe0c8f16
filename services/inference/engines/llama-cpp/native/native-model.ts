import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import type { Metadata } from "../gguf/header.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { type Addon, type AddonModel, type AddonSampler, loadAddon } from "./addon.ts";
import { type BatchRule, exactRule, free } from "./batch-rules.ts";
import { type Context, openContext } from "./context.ts";
import { Embedder } from "./embedder.ts";
import { measureExactness } from "./exactness.ts";
import { Grammars } from "./grammars.ts";
import type { ContextPlan } from "./memory-plan.ts";

/** How to load a model. */
export interface NativeModelOptions extends ContextPlan {
  readonly path: string;
  readonly metadata: Metadata;
  readonly vocabulary: Vocabulary;
  readonly threads: number;
  /** Of the weights, as in ggml. */
  readonly matrixTypes: readonly number[];
  readonly vocabularySize: number;
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
  readonly computing: Computing;
  /** The token that starts every text, if the model has one. */
  readonly begin: number | undefined;
  readonly #addon: Addon;
  readonly #ends: readonly number[];

  private constructor(
    addon: Addon,
    model: AddonModel,
    { context, computing }: Opened,
    options: NativeModelOptions,
  ) {
    const { contextSize, threads } = options;
    const [bos, eos] = [model.tokenBos(), model.tokenEos()];
    this.#addon = addon;
    this.#ends = [eos, model.eotToken()];
    this.model = model;
    this.context = context;
    this.computing = computing;
    this.grammars = new Grammars(addon, model, options.vocabulary);
    this.begin = bos >= 0 && model.shouldPrependBosToken() ? bos : undefined;
    const after = bos >= 0 && eos >= 0 && model.shouldAppendEosToken() ? eos : undefined;
    const vectors = { sequences: 1, contextSize, threads, rule: free, embeddings: true };
    this.embedder = new Embedder(() => openContext(addon, model, vectors), { before: this.begin, after });
  }

  /** Loads a model. Throws `invalid_request` that says what to do when that fails. */
  static async load(options: NativeModelOptions, signal: AbortSignal): Promise<NativeModel> {
    const addon = await loadAddon(options.log);
    const model = await loadInTurn(addon, options, signal);
    try {
      const opened = await openExactly(addon, model, options, signal);
      const native = new NativeModel(addon, model, opened, options);
      if (signal.aborted) await opened.context.native.dispose();
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

/** What an answer's tokens depend on, beside the file and the build. */
export interface Computing {
  readonly rule: BatchRule;
  /** Of logits that do not depend on what else is computed; undefined where they do. */
  readonly digest: string | undefined;
}

interface Opened {
  readonly context: Context;
  readonly computing: Computing;
}

/** A context under the rule that makes logits exact, if they are found to be, or else under none. */
async function openExactly(
  addon: Addon,
  model: AddonModel,
  options: NativeModelOptions,
  signal: AbortSignal,
): Promise<Opened> {
  const { slots, contextSize, threads, metadata, matrixTypes, vocabularySize } = options;
  const openUnder = (rule: BatchRule) =>
    openContext(addon, model, { sequences: slots, contextSize, threads, rule, embeddings: false }).catch(
      (error) => {
        throw contextFault(options, error);
      },
    );
  const rule = canForgetLast(addon, metadata) ? exactRule(matrixTypes, threads) : undefined;
  if (rule !== undefined) {
    const context = await openUnder(rule);
    const digest = await measureExactness(addon, model, context, vocabularySize);
    if (digest !== undefined) return { context, computing: { rule, digest } };
    await context.native.dispose();
    signal.throwIfAborted();
  }
  return { context: await openUnder(free), computing: { rule: free, digest: undefined } };
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

/**
 * Whether the last token can be removed, as padding needs: not with recurrence or a sliding window. Nor do models generate
 * tokens in which all see each other, as those for embeddings.
 */
function canForgetLast(addon: Addon, metadata: Metadata): boolean {
  const { architecture } = metadata;
  const window = metadata.shape("attention.sliding_window") ?? 0;
  const slides = window > 0 && window < (metadata.shape("context_length") ?? Number.POSITIVE_INFINITY);
  const isCausal = metadata.flag(`${architecture}.attention.causal`) !== false;
  return (
    isCausal && !(slides || addon.getIsArchRecurrent(architecture) || addon.getIsArchHybrid(architecture))
  );
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
