import { createHash } from "node:crypto";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation, Sampling } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { SamplerConfig } from "./native/addon.ts";

/** Deterministic sampling, by tokens so far and options alone, so that any engine can continue an answer. */
export interface TokenRule {
  /** How to sample the token after these; never one of `excluded`. */
  at(tokens: readonly number[], excluded?: readonly number[]): SamplerConfig;
}

/** The rule of a generation, which never draws `banned` tokens. Throws `invalid_request` for options out of range. */
export function toTokenRule(
  generation: Generation,
  vocabularySize: number,
  banned: readonly number[],
): TokenRule {
  const sampling = generation.sampling;
  for (const [param, [low, high]] of ranges) checkRange(sampling, param, low, high);
  const seed = toSeed(sampling?.seed ?? seedOf(generation.id));
  const fixed: SamplerConfig = {
    temperature: sampling?.temperature ?? defaultTemperature,
    topK: Math.min(sampling?.topK ?? 0, vocabularySize),
    topP: sampling?.topP ?? 1,
    minP: sampling?.minP ?? defaultMinP,
    ...toBias(sampling?.logitBias ?? {}, vocabularySize, banned),
  };
  const penalties = toPenalties(sampling);
  return {
    at: (tokens, excluded = []) => ({
      ...fixed,
      ...(excluded.length === 0 ? {} : withBanned(fixed, excluded)),
      seed: mixSeed(seed, tokens.length),
      ...(penalties === undefined || tokens.length === 0
        ? {}
        : {
            ...penalties,
            repeatPenaltyTokens: Uint32Array.from(tokens),
            repeatPenaltyMaxTokens: tokens.length + 1,
          }),
    }),
  };
}

/** A 32-bit seed for a position; neighbouring positions have unrelated seeds (murmur's mixer). */
export function mixSeed(seed: number, position: number): number {
  let mixed = seed ^ Math.imul(position + 1, 0x9e3779b9);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Hashes 64 bits to 32 (splitmix64). */
export function toSeed(seed: bigint): number {
  let mixed = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return Number((mixed ^ (mixed >> 31n)) >> 32n);
}

/** Without a seed, the id is one: unique, and the same on the node that continues the generation. */
const seedOf = (generationId: string): bigint =>
  createHash("sha256").update(generationId).digest().readBigUInt64LE();

/** Penalties count the tokens of the answer, not those of the prompt. */
function toPenalties(sampling: Sampling | undefined): Partial<SamplerConfig> | undefined {
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = sampling ?? {};
  if (repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0) return undefined;
  return {
    repeatPenalty: repetitionPenalty,
    repeatPenaltyFrequencyPenalty: frequencyPenalty,
    repeatPenaltyPresencePenalty: presencePenalty,
  };
}

function toBias(
  bias: Readonly<Record<number, number>>,
  vocabularySize: number,
  banned: readonly number[],
): Partial<SamplerConfig> {
  const values = new Map<number, number>();
  for (const [key, value] of Object.entries(bias)) {
    if (Number(key) >= vocabularySize)
      throw new MeshError(
        "invalid_request",
        `Invalid key in 'logit_bias': ${key}. This model has the tokens 0 to ${vocabularySize - 1}.`,
        { code: "invalid_value", param: "logit_bias" },
      );
    if (!(Math.abs(value) <= 100)) throw outOfRange("logit_bias", -100, 100);
    values.set(Number(key), value);
  }
  for (const token of banned) values.set(token, Number.NEGATIVE_INFINITY);
  if (values.size === 0) return {};
  return {
    tokenBiasKeys: Uint32Array.from(values.keys()),
    tokenBiasValues: Float32Array.from(values.values()),
  };
}

/** The bias with more tokens banned. They are most of the vocabulary, so the arrays are filled in bulk. */
function withBanned(
  { tokenBiasKeys = new Uint32Array(0), tokenBiasValues = new Float32Array(0) }: SamplerConfig,
  tokens: readonly number[],
): Partial<SamplerConfig> {
  const keys = new Uint32Array(tokenBiasKeys.length + tokens.length);
  keys.set(tokenBiasKeys);
  keys.set(tokens, tokenBiasKeys.length);
  const values = new Float32Array(keys.length).fill(Number.NEGATIVE_INFINITY);
  values.set(tokenBiasValues);
  return { tokenBiasKeys: keys, tokenBiasValues: values };
}

type NumberOption = Exclude<keyof Sampling, "$typeName" | "$unknown" | "seed" | "logitBias">;

const ranges: readonly [NumberOption, readonly [number, number]][] = [
  ["temperature", [0, 2]],
  ["topP", [0, 1]],
  ["minP", [0, 1]],
  ["frequencyPenalty", [-2, 2]],
  ["presencePenalty", [-2, 2]],
  ["repetitionPenalty", [Number.MIN_VALUE, Number.MAX_VALUE]],
];

function checkRange(sampling: Sampling | undefined, option: NumberOption, low: number, high: number): void {
  const value = sampling?.[option];
  if (value === undefined || (value >= low && value <= high)) return;
  throw outOfRange(
    option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    low,
    high,
  );
}

const outOfRange = (param: string, low: number, high: number): MeshError =>
  new MeshError(
    "invalid_request",
    low === Number.MIN_VALUE
      ? `Invalid '${param}': expected a number above 0.`
      : `Invalid '${param}': expected a number from ${low} to ${high}.`,
    { param },
  );

const defaultTemperature = 0.7;
/** Cuts off the long tail of unlikely tokens, which small models suffer from. */
const defaultMinP = 0.05;
