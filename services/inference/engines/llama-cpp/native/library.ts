import type { Llama, LlamaContext, LlamaContextSequence, LlamaModel } from "node-llama-cpp";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";

/**
 * What of node-llama-cpp's inside the engine uses, beside its public surface. Its public way to draw a token
 * tells probabilities only after temperature and truncation, and only by giving all of them; it cannot tell the
 * raw ones of the token that it draws. Below it, one call evaluates a token and hands over the place of its
 * logits, and another samples from that place as often as one likes. The version of node-llama-cpp is pinned
 * exactly for this reason, and `assertInternals` says so at load when it does not fit.
 */
export interface NativeSampler {
  applyConfig(config: NativeSamplerConfig): void;
  dispose(): void;
}

/** How to draw a token. In order: bias, penalties, grammar, top k, top p, min p, temperature, chance. */
export interface NativeSamplerConfig {
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
  readonly grammarEvaluationState?: object;
}

/** What `sampleToken` gives when asked for logits: token, –, –, [token, logit, …], sum of exp(logit − best). */
export type RawSample = [token: number, unknown, unknown, logits: number[], weight: number];

/** [ids to look up, best, worst, drawn, number of best ones] */
export type LogitsFilter = [number[], boolean, boolean, boolean, number];

/** The addon's context. */
export interface NativeContext {
  /** Draws a token from the logits at `place`; -1 when there is none. */
  sampleToken(place: number, sampler: NativeSampler): Promise<number>;
  sampleToken(
    place: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: LogitsFilter,
    weight: boolean,
  ): Promise<RawSample>;
}

interface SequenceInternals {
  _decodeTokens<T>(
    tokens: readonly number[],
    wantsLogits: readonly boolean[],
    priority: number,
    meter: unknown,
    contextShift: { size: number; strategy: "eraseBeginning" },
    sample: (place: number) => Promise<T>,
  ): Promise<(T | undefined)[]>;
  readonly _tokenMeter: unknown;
}

interface Addon {
  readonly AddonSampler: {
    new (model: object): NativeSampler;
    acceptGrammarEvaluationStateToken(state: object, token: number): void;
    canBeNextTokenForGrammarEvaluationState(state: object, token: number): boolean;
  };
}

/** The addon behind a loaded library. */
export const addonOf = (llama: Llama): Addon => (llama as unknown as { _bindings: Addon })._bindings;

/** The addon's model. */
export const nativeModelOf = (model: LlamaModel): object => (model as unknown as { _model: object })._model;

/** The addon's context. */
export const nativeContextOf = (context: LlamaContext): NativeContext =>
  (context as unknown as { _ctx: NativeContext })._ctx;

/**
 * Evaluates one token of a sequence and calls `sample` with the place of its logits, while they are there. The
 * caller makes sure that nothing else uses the sequence, and that it has room.
 */
export async function evaluateToken<T>(
  sequence: LlamaContextSequence,
  token: number,
  priority: number,
  sample: (place: number) => Promise<T>,
): Promise<T> {
  const inside = sequence as unknown as SequenceInternals;
  const shift = { size: 1, strategy: "eraseBeginning" } as const;
  const results = await inside._decodeTokens([token], [true], priority, inside._tokenMeter, shift, sample);
  return results[0] as T;
}

/** Throws when the library's inside is not what this file says. */
export function assertInternals(llama: Llama, context: LlamaContext, sequence: LlamaContextSequence): void {
  const { AddonSampler } = addonOf(llama);
  const functions = [
    AddonSampler,
    AddonSampler.acceptGrammarEvaluationStateToken,
    AddonSampler.canBeNextTokenForGrammarEvaluationState,
    ...["sampleToken", "initBatch", "addToBatch", "decodeBatch", "removeTokenCellsFromSequence"].map(
      (name) => (nativeContextOf(context) as unknown as Record<string, unknown>)[name],
    ),
    (sequence as unknown as SequenceInternals)._decodeTokens,
  ];
  if (functions.some((one) => typeof one !== "function"))
    throw new MeshError(
      "invalid_request",
      "The installed node-llama-cpp is not the version that this engine is written for. Install again with `npm ci`.",
    );
}
