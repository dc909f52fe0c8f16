import { create } from "@bufbuild/protobuf";
import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  Capabilities_Resume,
  type ServedModel,
  ServedModelSchema,
} from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../engine.ts";
import { planFaults } from "./faults.ts";
import { type ModelOptions, modelOptionsSchema, type SyntheticOptions } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { type Plan, planAnswer, positionAfter, type TextPosition } from "./plan.ts";
import { SyntheticAnswer } from "./synthetic-answer.ts";
import { readPrompt, scramble } from "./text.ts";

export interface SyntheticDependencies {
  readonly clock: Clock;
  /** Ends the process for the fault `die`; default: `process.exit(70)`, without draining. */
  readonly die?: () => void;
}

/**
 * An engine for load and fault tests. Its text is a pure function of prompt, seed and token index, so any
 * node can verify or continue an answer of another. Sampling options have no effect.
 */
export function createSyntheticEngine(
  options: SyntheticOptions,
  { clock, die = () => process.exit(70) }: SyntheticDependencies,
): Engine {
  const pacer = new Pacer(clock);
  const random = createRandom(options.randomSeed);
  const first = toModel(options.model, options);
  const models = new Map([[options.model, first]]);
  for (const [name, own] of Object.entries(options.models))
    models.set(name, toModel(name, modelOptionsSchema.parse({ ...options, ...own })));

  const begin = (generation: Generation, signal: AbortSignal): SyntheticAnswer => {
    const { options: model, served } = models.get(generation.model) ?? first;
    const prompt = readPrompt(generation, Math.max(model.contextLength, exactTokens));
    const { answerTokens } = model;
    const thoughtTokens = thinks(generation) ? model.thoughtTokens : 0;
    const from = positionOf(generation, { key: prompt.key, thoughtTokens, answerTokens });
    const textTokens = from === undefined ? 0 : tokensTo(from) - thoughtTokens;
    const tokensBefore = from === undefined ? (generation.resume?.tokenIds.length ?? 0) : tokensTo(from);
    const { refused, slowness, strike } = planFaults(model.faults, generation, tokensBefore, random);
    if (refused) throw new MeshError("saturated", "Told to refuse.", { retryAfterMs: 1000 });
    const promptTokens = prompt.tokens + textTokens;
    const roomTokens = model.contextLength - promptTokens;
    if (roomTokens < 1) throw tooLong(generation, promptTokens, model.contextLength);
    const plan = planAnswer({
      key: prompt.key,
      thoughtTokens,
      answerTokens,
      maxTokens: Math.min(generation.limits?.maxTokens ?? roomTokens, roomTokens),
      stop: generation.limits?.stop ?? [],
      from,
    });
    const now = clock.now();
    const periodMs = model.tokensPerSecond === 0 ? 0 : (1000 / model.tokensPerSecond) * slowness;
    const firstAt = now + model.firstTokenMs * slowness;
    return new SyntheticAnswer({
      plan,
      promptTokens,
      firstIndex: checkResumePoint(generation, plan),
      tokensBefore: from?.tokens ?? 0,
      fingerprint: served.fingerprint,
      strike,
      now,
      firstTokenAt: model.arrivals === "aligned" ? alignUp(firstAt, periodMs) : firstAt + random() * periodMs,
      periodMs,
      pacer,
      signal,
      die,
    });
  };

  return {
    models: async () => [...models.values()].map(({ served }) => served),
    generate: (generation, signal) => ({ [Symbol.asyncIterator]: () => begin(generation, signal) }),
    async close() {
      pacer.close();
    },
  };
}

interface Model {
  readonly options: ModelOptions;
  readonly served: ServedModel;
}

function toModel(name: string, options: ModelOptions): Model {
  const { slots, contextLength, thoughtTokens, answerTokens, vision } = options;
  const resume = options.resume === "none" ? Capabilities_Resume.NONE : Capabilities_Resume.TOKENS;
  const served = create(ServedModelSchema, {
    model: name,
    engineName: name,
    engine: "synthetic",
    contextLength,
    slots,
    fingerprint: `synthetic-1:${answerTokens}:${contextLength}:${thoughtTokens}`,
    capabilities: { seed: true, resume, rawPrompt: true, vision },
  });
  return { options, served };
}

/** Models with reasoning use it unless the request disables it. */
const thinks = ({ rawPrompt, reasoning }: Generation): boolean =>
  rawPrompt === undefined && reasoning?.enabled !== false && reasoning?.effort !== "none";

/** The position where an answer continues after its text; undefined for any other. */
function positionOf(
  { resume }: Generation,
  answer: Parameters<typeof positionAfter>[1],
): TextPosition | undefined {
  if (resume === undefined || resume.tokenIds.length > 0 || resume.text === "") return undefined;
  const position = positionAfter(resume.text, answer);
  if (position === undefined)
    throw new MeshError("engine_failed", "The text of the resume point is not of this answer.");
  return position;
}

/** Tokens up to a position, including the one it is inside of. */
const tokensTo = ({ tokens, partial }: TextPosition): number => tokens + (partial === "" ? 0 : 1);

/** The index where an answer resumes after its tokens. Foreign tokens show that some were lost or added. */
function checkResumePoint({ resume }: Generation, plan: Plan): number {
  const tokenIds = resume?.tokenIds ?? [];
  const foreign = tokenIds.findIndex((id, index) => id !== plan.idOf(index));
  if (foreign >= 0)
    throw new MeshError("engine_failed", `Token ${foreign} of the resume point is not of this answer.`);
  return tokenIds.length;
}

/** Prompts that do not fit are counted up to here. */
const exactTokens = 128 * 1024;

function tooLong({ rawPrompt }: Generation, promptTokens: number, contextLength: number): MeshError {
  const param = rawPrompt === undefined ? "messages" : "prompt";
  const length = promptTokens > exactTokens ? `more than ${exactTokens}` : `${promptTokens}`;
  return new MeshError(
    "invalid_request",
    `This model's maximum context length is ${contextLength} tokens. However, your ${param} resulted in ${length} tokens. Please reduce the length of the ${param}.`,
    { code: "context_length_exceeded", param },
  );
}

const alignUp = (time: number, periodMs: number): number =>
  periodMs === 0 ? time : Math.ceil(time / periodMs) * periodMs;

/** Seeded pseudo-random numbers in [0, 1). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return (scramble(state) >>> 0) / 2 ** 32;
  };
}
