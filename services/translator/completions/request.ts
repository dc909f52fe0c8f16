import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { bounds } from "../../../core/generation/bounds.ts";
import {
  type Generation,
  GenerationSchema,
  type RawPrompt,
  RawPromptSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { unsupportedParameter, unsupportedValue, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import {
  checkBody,
  defaultRules,
  type RequestRules,
  refuseStreamOptions,
  requireModel,
} from "../requests/check-body.ts";
import { setGiven } from "../requests/messages.ts";
import * as shared from "../requests/sampling.ts";
import { parseLimits, parseSampling, refuseManyBiases, toLogprobsRequest } from "../requests/sampling.ts";
import { checkTokens } from "../requests/tokens.ts";
import { refuseUnknownKeys } from "../requests/unknown-keys.ts";
import {
  arrayOf,
  flag,
  ignored,
  integer,
  isGiven,
  model,
  nonEmptyText,
  object,
  optional,
  outputConstraints,
  text,
  word,
} from "../requests/vocabulary.ts";

/** The most prompts in one request. Each is a generation of its own, or `n` of them. */
const maxPrompts = 16;

/** OpenAI's default, which is short. */
const defaultMaxTokens = 16;

const tokenId = integer(...bounds.tokenId);

const prompt = z.union(
  [
    nonEmptyText,
    arrayOf(nonEmptyText, "strings").min(1).max(maxPrompts),
    arrayOf(tokenId, "integers").min(1),
    arrayOf(arrayOf(tokenId, "integers").min(1), "arrays").min(1).max(maxPrompts),
  ],
  { error: "one of a string, array of strings, array of integers, or array of integer arrays" },
);

/**
 * The body of a legacy completion request. Faults are reported in the order of the keys, and only the first one.
 * Unknown keys are ignored; `refuse` rejects unsupported ones.
 */
export const completionRequestSchema = object({
  model,
  prompt: prompt.describe(
    "The prompt to complete: a string, an array of strings, an array of tokens, or an array of token arrays.",
  ),
  suffix: optional(text).describe("Inserting text before a suffix is not supported: must be empty."),
  max_tokens: optional(integer(1)).meta({
    description: "The maximum number of tokens that can be generated in the completion.",
    default: defaultMaxTokens,
  }),
  n: shared.choices,
  best_of: optional(integer(1, 20)).describe("Must equal `n` or be absent."),
  temperature: shared.temperature,
  top_p: shared.topP,
  ...shared.penalties,
  logprobs: optional(integer(0, 5)).describe(
    "Returns the log probabilities of the output tokens, and of this many of the most likely tokens at each position.",
  ),
  echo: optional(flag).meta({
    description: "If true, the prompt is returned in front of the completion.",
    default: false,
  }),
  logit_bias: shared.logitBias,
  seed: shared.seed,
  stop: shared.stop,
  ...shared.streaming,

  // Without effect here.
  user: ignored(text),
  service_tier: ignored(word("auto", "default", "flex", "scale", "priority", "fast")),

  // Extensions of open servers.
  ...shared.openSampling,
});

type CompletionRequestBody = z.output<typeof completionRequestSchema>;

/** A validated legacy completion request. */
export interface CompletionRequest {
  readonly model: string;
  /** One per prompt, in order; without id and caller. */
  readonly generations: readonly Generation[];
  /** The text before each prompt's answers: the prompt itself with `echo`, else empty. */
  readonly echoes: readonly string[];
  /** Answers per prompt. */
  readonly choices: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
}

const schema = z.compile(completionRequestSchema);

/** Validates a body and translates it. Throws the first fault. */
export function parseCompletionRequest(
  raw: JsonObject,
  rules: RequestRules = defaultRules,
): CompletionRequest {
  requireModel(raw, "prompt");
  if (rules.strictKeys) refuseUnknownKeys(completionRequestSchema, raw, outputConstraints);
  refuseManyBiases(raw);
  refuseWrongTokens(raw.prompt);
  const body = checkBody(schema, raw);
  refuse(raw, body);

  const prompts = toPrompts(body.prompt);
  const sampling = parseSampling(body);
  const limits = parseLimits(body.max_tokens ?? defaultMaxTokens, body.stop);
  const logprobs = isGiven(body.logprobs) ? toLogprobsRequest(body.logprobs) : undefined;
  return {
    model: body.model,
    generations: prompts.map((rawPrompt) =>
      setGiven(create(GenerationSchema, { model: body.model, rawPrompt, sampling, limits }), { logprobs }),
    ),
    echoes: prompts.map(({ prompt }) => (body.echo && prompt.case === "text" ? prompt.value : "")),
    choices: body.n ?? 1,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    logprobs: logprobs !== undefined,
  };
}

/** Throws for the first element of a tokenized prompt that is no token; the schema finds what else may be wrong. */
function refuseWrongTokens(prompt: unknown): void {
  if (!Array.isArray(prompt)) return;
  if (typeof prompt[0] === "number") checkTokens("prompt", prompt);
  for (const [index, inner] of prompt.slice(0, maxPrompts).entries())
    if (Array.isArray(inner)) checkTokens(`prompt[${index}]`, inner);
}

function refuse(raw: JsonObject, body: CompletionRequestBody): void {
  for (const name of outputConstraints) if (isGiven(raw[name])) throw unsupportedParameter(name);
  if (body.suffix) throw unsupportedParameter("suffix");
  const choices = body.n ?? 1;
  const bestOf = body.best_of ?? choices;
  if (bestOf < choices)
    throw wrongMeaning(
      "best_of",
      `You requested that the server return more choices than it will generate (HINT: set 'best_of' to at least ${choices}, or leave it out).`,
    );
  if (bestOf > choices) throw unsupportedValue("best_of", String(bestOf), "the value of 'n'");
  if (body.echo && isGiven(body.logprobs))
    throw wrongMeaning(
      "echo",
      "Invalid value for 'echo': the log probabilities of a prompt are not known here, so 'echo' cannot be used together with 'logprobs'.",
    );
  if (body.echo && !isText(body.prompt))
    throw wrongMeaning("echo", "Invalid value for 'echo': only text prompts can be echoed, not token ids.");
  refuseStreamOptions(body);
}

type Prompt = CompletionRequestBody["prompt"];

const isText = (prompt: Prompt): boolean => typeof prompt === "string" || typeof prompt[0] === "string";

/** An array of integers is one prompt; any other array holds one prompt per element. */
function toPrompts(prompt: Prompt): RawPrompt[] {
  if (typeof prompt === "string") return [toRawPrompt(prompt)];
  if (typeof prompt[0] === "number") return [toRawPrompt(prompt as number[])];
  return (prompt as (string | number[])[]).map(toRawPrompt);
}

const toRawPrompt = (prompt: string | number[]): RawPrompt =>
  create(RawPromptSchema, {
    prompt:
      typeof prompt === "string"
        ? { case: "text", value: prompt }
        : { case: "tokens", value: { ids: prompt } },
  });
