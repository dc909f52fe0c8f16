import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import {
  bounds,
  longest,
  mostBiases,
  mostStops,
  repetitionPenaltyAbove,
  toUint32,
} from "../../../core/generation/bounds.ts";
import { isJsonObject } from "../../../core/json.ts";
import {
  type Limits,
  LimitsSchema,
  type LogprobsRequest,
  type Reasoning,
  ReasoningSchema,
  type Sampling,
  SamplingSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { tooManyProperties, wrongValue } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { setGiven } from "./messages.ts";
import {
  arrayOf,
  decimal,
  decimalAbove,
  flag,
  integer,
  isGiven,
  nonEmptyText,
  object,
  optional,
  word,
} from "./vocabulary.ts";

// Parameters that every surface shares: their schemas, and what they become in a generation.

/** OpenAI's default is 1; this service documents 0.7. */
export const defaultTemperature = 0.7;

export const temperature = optional(decimal(...bounds.temperature)).meta({
  description:
    "Sampling temperature. Higher values make the output more random, lower values more focused; 0 always picks the most likely token.",
  default: defaultTemperature,
});

export const topP = optional(decimal(...bounds.topP)).describe(
  "Nucleus sampling: only the most likely tokens whose probabilities add up to this value are considered.",
);

export const penalties = {
  presence_penalty: optional(decimal(...bounds.presencePenalty)).describe(
    "Positive values make tokens that already appear in the text less likely, which encourages new topics.",
  ),
  frequency_penalty: optional(decimal(...bounds.frequencyPenalty)).describe(
    "Positive values make tokens less likely the more often they already appear in the text, which discourages repetition.",
  ),
};

export const openSampling = {
  top_k: optional(integer(-1)).describe(
    "Only this many of the most likely tokens are considered. 0 and -1 turn the limit off.",
  ),
  min_p: optional(decimal(...bounds.minP)).describe(
    "Only tokens at least this likely, relative to the most likely token, are considered.",
  ),
  repetition_penalty: optional(decimalAbove(repetitionPenaltyAbove)).describe(
    "Values above 1 make tokens that already appear in the prompt or the output less likely; 1 turns the penalty off.",
  ),
};

export const logitBias = optional(
  z.record(z.string(), decimal(...bounds.logitBias), { error: "an object" }),
).describe(
  `Maps token ids of the model's own tokenizer to a bias from -100 to 100, which is added to their logits. At most ${mostBiases} tokens.`,
);

/** Throws when too many tokens are biased; before the schema, which takes most of a microsecond for each. */
export function refuseManyBiases({ logit_bias: biases }: JsonObject): void {
  const count = isJsonObject(biases) ? Object.keys(biases).length : 0;
  if (count > mostBiases) throw tooManyProperties("logit_bias", mostBiases, count);
}

export const seed = optional(integer(...bounds.seed)).describe(
  "Repeated requests with the same seed and parameters return the same result from the same engine; see `system_fingerprint`.",
);

export const stopText = nonEmptyText.max(longest.stop);

export const stop = optional(
  z.union([stopText, arrayOf(stopText, "strings").max(mostStops)], {
    error: "one of a string or array of strings",
  }),
).describe("Up to 4 sequences at which generation stops. The output does not contain the sequence.");

/** The most answers to one prompt. Each is a generation, so this multiplies a caller's load. */
const maxChoices = 8;

export const choices = optional(integer(1, maxChoices)).meta({
  description: "How many choices to generate for each prompt.",
  default: 1,
});

export const streaming = {
  stream: optional(flag).meta({
    description: "If true, the answer is streamed as server-sent events while it is generated.",
    default: false,
  }),
  stream_options: optional(
    object({ include_usage: optional(flag), include_obfuscation: optional(flag) }),
  ).describe("Options for streaming. Only allowed with `stream: true`."),
};

export const effort = word("none", "minimal", "low", "medium", "high", "xhigh", "max");

type Given<Schema extends z.ZodType> = z.output<Schema> | undefined;

type SamplingParameters = {
  readonly [Name in keyof typeof penalties | keyof typeof openSampling]?: number | null | undefined;
} & {
  readonly temperature?: Given<typeof temperature>;
  readonly top_p?: Given<typeof topP>;
  readonly seed?: Given<typeof seed>;
  readonly logit_bias?: Given<typeof logitBias>;
};

/** Translates the sampling parameters. Except for the temperature, the engine decides what is left out. */
export function parseSampling(body: SamplingParameters): Sampling {
  const { top_k, seed, logit_bias } = body;
  return setGiven(create(SamplingSchema, { temperature: body.temperature ?? defaultTemperature }), {
    topP: body.top_p,
    // vLLM turns the limit off with -1.
    topK: isGiven(top_k) ? toUint32(Math.max(0, top_k)) : undefined,
    minP: body.min_p,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    repetitionPenalty: body.repetition_penalty,
    seed: isGiven(seed) ? toInt64(seed) : undefined,
    logitBias: logit_bias ? parseLogitBias(logit_bias) : undefined,
  });
}

/** Translates the limits: stops after `maxTokens`, and before any of the sequences. */
export function parseLimits(maxTokens: number | null | undefined, sequences: Given<typeof stop>): Limits {
  const limits = create(LimitsSchema);
  if (isGiven(maxTokens)) limits.maxTokens = toUint32(maxTokens);
  if (isGiven(sequences)) limits.stop = typeof sequences === "string" ? [sequences] : sequences;
  return limits;
}

/** Requests log probabilities, and those of the `top` most likely tokens at each position. */
export const toLogprobsRequest = (top: number | null | undefined): LogprobsRequest => ({
  $typeName: "cxmpute.generation.v1.LogprobsRequest",
  top: top ?? 0,
});

/** Translates the reasoning effort; undefined where the request sets neither value. */
export function toReasoning(
  effort: string | null | undefined,
  enabled?: boolean | null,
): Reasoning | undefined {
  if (!isGiven(effort) && !isGiven(enabled)) return undefined;
  return setGiven(create(ReasoningSchema, { effort: effort ?? "" }), {
    enabled: enabled ?? (effort === "none" ? false : undefined),
  });
}

/** Variables for the chat template as JSON text; empty for none. Throws when they are too long. */
export function parseTemplateKwargs(kwargs: JsonObject | null | undefined): string {
  const json = kwargs ? JSON.stringify(kwargs) : "";
  if (json.length > longest.chatTemplateKwargs)
    throw wrongValue(
      "chat_template_kwargs",
      `Invalid 'chat_template_kwargs': as JSON it is ${json.length} characters long; at most ${longest.chatTemplateKwargs} are accepted.`,
    );
  return json;
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

/** The parser rounds JSON numbers near 2^63, up to one past the largest int64. */
const toInt64 = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));
