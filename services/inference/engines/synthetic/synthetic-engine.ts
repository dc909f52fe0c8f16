import { create } from "@bufbuild/protobuf";
import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, ServedModelSchema } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../engine.ts";
import { decideDoom } from "./faults.ts";
import type { SyntheticOptions } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { planAnswer } from "./plan.ts";
import { SyntheticAnswer } from "./synthetic-answer.ts";
import { type Prompt, readPrompt, scramble, tokenAt } from "./text.ts";

/** What the synthetic engine needs from around it. */
export interface SyntheticSurroundings {
  readonly clock: Clock;
  /** Ends the process, for the fault `die`; default: `process.exit(70)`, with nothing drained. */
  readonly die?: () => void;
}

/**
 * An engine for load tests and fault tests: it has no model. Its text is a pure function of prompt, seed and
 * token index, so any node can check or continue any other's answer, token for token; it comes at a steady pace;
 * and it fails exactly as told (`options.ts`). Temperature and penalties change nothing.
 */
export function createSyntheticEngine(
  options: SyntheticOptions,
  { clock, die = () => process.exit(70) }: SyntheticSurroundings,
): Engine {
  const pacer = new Pacer(clock);
  const random = createRandom(options.randomSeed);
  const { model, slots, contextLength, answerTokens } = options;
  const fingerprint = `synthetic-1:${answerTokens}:${contextLength}`;
  const served = create(ServedModelSchema, {
    model,
    engineName: model,
    engine: "synthetic",
    contextLength,
    slots,
    fingerprint,
    capabilities: { seed: true, resume: Capabilities_Resume.TOKENS, rawPrompt: true },
  });

  const begin = (generation: Generation, signal: AbortSignal): SyntheticAnswer => {
    const { refused, slowness, strike } = decideDoom(options.faults, generation, random);
    if (refused) throw new MeshError("saturated", "Told to refuse.", { retryAfterMs: 1000 });
    const prompt = readPrompt(generation);
    const roomTokens = contextLength - prompt.tokens;
    if (roomTokens < 1) throw tooLong(generation, prompt.tokens, contextLength);
    const maxTokens = Math.min(generation.limits?.maxTokens ?? roomTokens, roomTokens);
    const plan = planAnswer({
      key: prompt.key,
      answerTokens,
      maxTokens,
      stop: generation.limits?.stop ?? [],
    });
    const now = clock.now();
    const periodMs = options.tokensPerSecond === 0 ? 0 : (1000 / options.tokensPerSecond) * slowness;
    const firstAt = now + options.firstTokenMs * slowness;
    return new SyntheticAnswer({
      key: prompt.key,
      plan,
      promptTokens: prompt.tokens,
      firstIndex: checkResumePoint(generation, prompt),
      fingerprint,
      strike,
      now,
      firstTokenAt:
        options.arrivals === "aligned" ? alignUp(firstAt, periodMs) : firstAt + random() * periodMs,
      periodMs,
      pacer,
      signal,
      die,
    });
  };

  return {
    models: async () => [served],
    generate: (generation, signal) => ({ [Symbol.asyncIterator]: () => begin(generation, signal) }),
    async close() {
      pacer.close();
    },
  };
}

/** Where the answer goes on. Tokens that are not this answer's own show that somebody lost or added some. */
function checkResumePoint({ resume }: Generation, { key }: Prompt): number {
  const tokenIds = resume?.tokenIds ?? [];
  const foreign = tokenIds.findIndex((id, index) => id !== tokenAt(key, index));
  if (foreign >= 0)
    throw new MeshError("engine_failed", `Token ${foreign} of the resume point is not of this answer.`);
  return tokenIds.length;
}

function tooLong({ rawPrompt }: Generation, promptTokens: number, contextLength: number): MeshError {
  const param = rawPrompt === undefined ? "messages" : "prompt";
  return new MeshError(
    "invalid_request",
    `This model's maximum context length is ${contextLength} tokens. However, your ${param} resulted in ${promptTokens} tokens. Please reduce the length of the ${param}.`,
    { code: "context_length_exceeded", param },
  );
}

const alignUp = (time: number, periodMs: number): number =>
  periodMs === 0 ? time : Math.ceil(time / periodMs) * periodMs;

/** Numbers in [0, 1) that depend on the seed alone. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return (scramble(state) >>> 0) / 2 ** 32;
  };
}
