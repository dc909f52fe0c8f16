import { create } from "@bufbuild/protobuf";
import { bounds, toUint32 } from "../../../../core/generation/bounds.ts";
import {
  type Limits,
  LimitsSchema,
  type Reasoning,
  ReasoningSchema,
  type Sampling,
  SamplingSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongValue } from "../../errors/param-faults.ts";
import type { ChatRequestBody } from "./schema.ts";

/** Where OpenAI has 1: this service's own documentation promises this value. */
export const defaultTemperature = 0.7;

/** The parameters of other surfaces have the same names and bounds; each surface has some of them. */
type SomeOf<Name extends keyof ChatRequestBody> = Partial<Pick<ChatRequestBody, Name>>;

type SamplingParameters = SomeOf<
  | "temperature"
  | "top_p"
  | "top_k"
  | "min_p"
  | "frequency_penalty"
  | "presence_penalty"
  | "repetition_penalty"
  | "seed"
  | "logit_bias"
>;

/** How tokens are drawn; what the request leaves open is left to the engine, but for the temperature. */
export function parseSampling(body: SamplingParameters): Sampling {
  const sampling = create(SamplingSchema, { temperature: body.temperature ?? defaultTemperature });
  if (isGiven(body.top_p)) sampling.topP = body.top_p;
  // vLLM's way to switch it off.
  if (isGiven(body.top_k)) sampling.topK = toUint32(Math.max(0, body.top_k));
  if (isGiven(body.min_p)) sampling.minP = body.min_p;
  if (isGiven(body.frequency_penalty)) sampling.frequencyPenalty = body.frequency_penalty;
  if (isGiven(body.presence_penalty)) sampling.presencePenalty = body.presence_penalty;
  if (isGiven(body.repetition_penalty)) sampling.repetitionPenalty = body.repetition_penalty;
  if (isGiven(body.seed)) sampling.seed = toInt64(body.seed);
  if (body.logit_bias) sampling.logitBias = parseLogitBias(body.logit_bias);
  return sampling;
}

/** When to stop; `max_completion_tokens` overrules its older name. */
export function parseLimits({
  max_completion_tokens,
  max_tokens,
  stop,
}: SomeOf<"max_completion_tokens" | "max_tokens" | "stop">): Limits {
  const limits = create(LimitsSchema);
  const maxTokens = max_completion_tokens ?? max_tokens;
  if (isGiven(maxTokens)) limits.maxTokens = toUint32(maxTokens);
  if (isGiven(stop)) limits.stop = typeof stop === "string" ? [stop] : stop;
  return limits;
}

/** How much to think, from OpenAI's, OpenRouter's or Ollama's parameter, in this order. */
export function parseReasoning({
  reasoning_effort,
  reasoning,
  think,
}: SomeOf<"reasoning_effort" | "reasoning" | "think">): Reasoning | undefined {
  const effort = reasoning_effort ?? reasoning?.effort ?? (typeof think === "string" ? think : undefined);
  const enabled =
    reasoning?.enabled ?? (typeof think === "boolean" ? think : effort === "none" ? false : undefined);
  if (effort === undefined && enabled === undefined) return undefined;
  return create(ReasoningSchema, {
    effort: effort ?? "",
    ...(enabled === undefined ? {} : { enabled }),
  });
}

function parseLogitBias(biases: Readonly<Record<string, number>>): Record<number, number> {
  const parsed: Record<number, number> = {};
  for (const [key, bias] of Object.entries(biases)) {
    const tokenId = /^\d{1,10}$/.test(key) ? Number(key) : Number.NaN;
    if (!(tokenId <= bounds.tokenId[1]))
      throw wrongValue(
        "logit_bias",
        `Invalid key in 'logit_bias': '${key.slice(0, 64)}'. Expected the id of a token of the model, a whole number.`,
      );
    parsed[tokenId] = bias;
  }
  return parsed;
}

/** JSON numbers near 2^63 have been rounded by the parser, up to one past the largest int64. */
const toInt64 = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));

const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;
