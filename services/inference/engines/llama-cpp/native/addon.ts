import { createRequire } from "node:module";
import { dirname } from "node:path";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import { findAddon } from "./platform.ts";

/**
 * The addon of node-llama-cpp, as far as the engine uses it: llama.cpp's own functions with little around them.
 * The types are those of its `AddonTypes.d.ts`; the versions of its packages are pinned exactly, because they may
 * change in any release (docs/decisions/0012).
 */
export interface Addon {
  readonly AddonModel: new (path: string, options: AddonModelOptions) => AddonModel;
  readonly AddonContext: new (model: AddonModel, options: AddonContextOptions) => AddonContext;
  readonly AddonGrammar: new (gbnf: string, options: { addonExports: Addon }) => AddonGrammar;
  readonly AddonGrammarEvaluationState: {
    new (model: AddonModel, grammar: AddonGrammar): AddonGrammarState;
    new (copied: AddonGrammarState): AddonGrammarState;
  };
  readonly AddonSampler: {
    new (model: AddonModel): AddonSampler;
    acceptGrammarEvaluationStateToken(state: AddonGrammarState, token: number): void;
    canBeNextTokenForGrammarEvaluationState(state: AddonGrammarState, token: number): boolean;
  };
  init(): Promise<void>;
  /** Without a path: those that are linked in, if any. */
  loadBackends(folder?: string): void;
  /** Undefined until a backend is loaded. */
  getGpuType(): string | false | undefined;
  getSupportsMmap(): boolean;
  /** Whether an architecture, as GGUF names it, has a state in place of a cache, or beside one. */
  getIsArchRecurrent(architecture: string): boolean | undefined;
  getIsArchHybrid(architecture: string): boolean | undefined;
  setEnv(name: string, value: string): boolean;
  setLogger(log: (level: number, message: string) => void): void;
  setLoggerLogLevel(level: number): void;
}

interface AddonModelOptions {
  /** Keeps the addon loaded for as long as the model is there. */
  readonly addonExports: Addon;
  readonly gpuLayers: number;
  readonly useMmap: boolean;
  /** In [0, 1]. */
  readonly onLoadProgress: (share: number) => void;
  readonly hasLoadAbortSignal: true;
}

export interface AddonModel {
  /** Loads; false when the file makes no sense to llama.cpp, or loading was aborted. */
  init(): Promise<boolean>;
  abortActiveModelLoad(): void;
  dispose(): Promise<void>;
  tokenize(text: string, specialTokens: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, specialTokens: boolean): string;
  /** Tokens with a role; -1 where the model has none. */
  tokenBos(): number;
  tokenEos(): number;
  eotToken(): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
  shouldAppendEosToken(): boolean;
}

interface AddonContextOptions {
  /** Tokens of all sequences together. */
  readonly contextSize: number;
  /** Tokens of one batch, at most. */
  readonly batchSize: number;
  readonly sequences: number;
  readonly threads: number;
  readonly flashAttention: boolean | "auto";
  readonly embeddings: boolean;
}

/** Its methods must not be called while `decodeBatch` runs, but for those that say so. */
export interface AddonContext {
  /** Allocates the memory; false when that fails. */
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  /** Begins a batch of so many tokens. */
  initBatch(tokens: number): void;
  /** Tokens of a sequence from a position on. Returns the places in the batch of those that logits are wanted of. */
  addToBatch(sequence: number, first: number, tokens: Uint32Array, outputs: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** Draws a token from the logits at a place; -1 when there is none. Several can be drawn at the same time. */
  sampleToken(place: number, sampler: AddonSampler): Promise<number>;
  sampleToken(
    place: number,
    sampler: AddonSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: LogitsFilter,
    weight: boolean,
  ): Promise<RawSample>;
  /** False when the model cannot forget a part. */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  /** Forgets all of a sequence. */
  disposeSequence(sequence: number): void;
  /** The first position that is still there, which is not 0 behind a sliding window; -1 when none is. */
  getSequenceKvCacheMinPosition(sequence: number): number;
  /** The vector of the input of so many tokens that was computed last. */
  getEmbedding(tokens: number): Float64Array;
}

/** What `sampleToken` gives when asked for logits: token, –, –, [token, logit, …], sum of exp(logit − best). */
type RawSample = [token: number, unknown, unknown, logits: number[], weight: number];

/** [ids to look up, best, worst, drawn, number of best ones] */
export type LogitsFilter = [number[], boolean, boolean, boolean, number];

export interface AddonGrammar {
  isTextCompatible(text: string): boolean;
}

/** Known only to the addon. */
export type AddonGrammarState = object;

export interface AddonSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

/** How to draw a token. In order: bias, penalties, grammar, top k, top p, min p, temperature, chance. */
export interface SamplerConfig {
  /** 0 takes the best. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  /** 32 bits. */
  readonly seed?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
  readonly grammarEvaluationState?: AddonGrammarState;
}

/**
 * The addon, loaded once for the process, shared by all engines in it and never unloaded; without a model it holds
 * next to nothing. What llama.cpp reports as an error goes to the log of the engine that loaded last. Throws
 * `invalid_request` when the addon is missing or does not load, saying what to do.
 */
export async function loadAddon(log: Log): Promise<Addon> {
  logOfLatest = log;
  loading ??= open(findAddon().path);
  try {
    return await loading;
  } catch (error) {
    loading = undefined;
    throw new MeshError(
      "invalid_request",
      "The embedded llama-cpp engine did not start: its binaries do not fit this machine. Update the system, or run Ollama or llama-server beside the node and join again: they are found by themselves.",
      { cause: error },
    );
  }
}

let loading: Promise<Addon> | undefined;
let logOfLatest: Log;

/**
 * Nothing of it needs trying out in a process of its own: what does not fit the system does not link, which throws,
 * and code for the features of particular processors is in backends that llama.cpp loads only where they run.
 */
async function open(path: string): Promise<Addon> {
  const addon = createRequire(import.meta.url)(path) as Addon;
  addon.setLogger((_level, message) => logOfLatest.debug({ message: message.trim() }, "llama.cpp"));
  addon.setLoggerLogLevel(errorLevel);
  // As node-llama-cpp has it: Metal would otherwise keep memory wired that it does not use.
  if (process.platform === "darwin") addon.setEnv("GGML_METAL_NO_RESIDENCY", "1");
  const load = () => {
    addon.loadBackends();
    if (addon.getGpuType() === undefined) addon.loadBackends(dirname(path));
  };
  // Backends belong to the process: two threads of it must not load them at once. Node has locks from 24.5 on.
  const { locks } = navigator as Partial<Navigator>;
  await (locks === undefined ? load() : locks.request("llama.cpp backends", load));
  await addon.init();
  return addon;
}

const errorLevel = 2;
