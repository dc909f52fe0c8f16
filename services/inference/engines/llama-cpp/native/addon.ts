import { createRequire } from "node:module";
import { dirname } from "node:path";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import { findAddon } from "./platform.ts";

/** The used part of node-llama-cpp's addon (`AddonTypes.d.ts`). Versions are pinned: docs/decisions/0012. */
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
  /** Without a folder: the built-in ones, if any. */
  loadBackends(folder?: string): void;
  getGpuType(): string | false | undefined;
  getSupportsMmap(): boolean;
  /** Whether an architecture, by its name in GGUF, has recurrent state in place of a cache, or beside one. */
  getIsArchRecurrent(architecture: string): boolean | undefined;
  getIsArchHybrid(architecture: string): boolean | undefined;
  setEnv(name: string, value: string): boolean;
  setLogger(log: (level: number, message: string) => void): void;
  setLoggerLogLevel(level: number): void;
}

interface AddonModelOptions {
  readonly addonExports: Addon;
  readonly gpuLayers: number;
  readonly useMmap: boolean;
  /** In [0, 1]. */
  readonly onLoadProgress: (share: number) => void;
  readonly hasLoadAbortSignal: true;
}

export interface AddonModel {
  /** Loads; false when llama.cpp rejects the file or loading was aborted. */
  init(): Promise<boolean>;
  abortActiveModelLoad(): void;
  dispose(): Promise<void>;
  tokenize(text: string, specialTokens: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, specialTokens: boolean): string;
  /** Special tokens; -1 where the model has none. */
  tokenBos(): number;
  tokenEos(): number;
  eotToken(): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
  shouldAppendEosToken(): boolean;
}

interface AddonContextOptions {
  /** Tokens over all sequences. */
  readonly contextSize: number;
  /** Maximum tokens per batch. */
  readonly batchSize: number;
  readonly sequences: number;
  readonly threads: number;
  readonly flashAttention: boolean | "auto";
  readonly embeddings: boolean;
}

/** Call no method while `decodeBatch` runs, except `sampleToken`. */
export interface AddonContext {
  /** Allocates the memory; false on failure. */
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(tokens: number): void;
  /** Adds tokens of a sequence from position `first` on. Returns the batch indices of the logits of `outputs`. */
  addToBatch(sequence: number, first: number, tokens: Uint32Array, outputs: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** Samples a token from the logits at a batch index; -1 when there is none. Calls may run concurrently. */
  sampleToken(place: number, sampler: AddonSampler): Promise<number>;
  sampleToken(
    place: number,
    sampler: AddonSampler,
    probabilities: true,
    confidence: false,
  ): Promise<Distribution>;
  sampleToken(
    place: number,
    sampler: AddonSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: LogitsFilter,
    weight: boolean,
  ): Promise<RawSample>;
  /** False when the model cannot remove a part. */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  /** The first position in the cache, above 0 with a sliding window; -1 when it is empty. */
  getSequenceKvCacheMinPosition(sequence: number): number;
  /** The embedding of the input that was computed last, of this many tokens. */
  getEmbedding(tokens: number): Float64Array;
}

/** Result of `sampleToken` with probabilities: [token, probability, …] of all tokens, best first. */
type Distribution = [token: number, probabilities: number[], unknown];

/** Result of `sampleToken` with logits: token, –, –, [token, logit, …], sum of exp(logit − best). */
type RawSample = [token: number, unknown, unknown, logits: number[], weight: number];

/** [ids to look up, best, worst, sampled, number of best ones] */
export type LogitsFilter = [number[], boolean, boolean, boolean, number];

export interface AddonGrammar {
  isTextCompatible(text: string): boolean;
}

/** Opaque. */
export type AddonGrammarState = object;

export interface AddonSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

/** How to sample. In order: bias, penalties, grammar, top k, top p, min p, temperature. */
export interface SamplerConfig {
  /** 0 is greedy. */
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

/** The addon, loaded once per process. Its errors go to the latest `log`. Throws `invalid_request`. */
export async function loadAddon(log: Log): Promise<Addon> {
  logOfLatest = log;
  loading ??= open(findAddon().path);
  try {
    return await loading;
  } catch (error) {
    loading = undefined;
    throw new MeshError(
      "invalid_request",
      "The embedded llama-cpp engine did not start: its binaries do not fit this machine. Update the system, or run Ollama or llama-server beside the node and join again: they are found automatically.",
      { cause: error },
    );
  }
}

let loading: Promise<Addon> | undefined;
let logOfLatest: Log;

/** Safe in this process: a binary that does not fit fails to link, and unsupported backends are not loaded. */
async function open(path: string): Promise<Addon> {
  const addon = createRequire(import.meta.url)(path) as Addon;
  addon.setLogger((_level, message) => logOfLatest.debug({ message: message.trim() }, "llama.cpp"));
  addon.setLoggerLogLevel(errorLevel);
  // As in node-llama-cpp: Metal would otherwise keep unused memory wired.
  if (process.platform === "darwin") addon.setEnv("GGML_METAL_NO_RESIDENCY", "1");
  const load = () => {
    addon.loadBackends();
    if (addon.getGpuType() === undefined) addon.loadBackends(dirname(path));
  };
  // Backends are global to the process, so threads must not load them concurrently. Node has locks since 24.5.
  const { locks } = navigator as Partial<Navigator>;
  await (locks === undefined ? load() : locks.request("llama.cpp backends", load));
  await addon.init();
  return addon;
}

const errorLevel = 2;
