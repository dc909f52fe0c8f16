import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  type Generation,
  GenerationSchema,
  type RawPrompt,
  RawPromptSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseLimits, parseSampling } from "../chat/request/sampling.ts";
import { toFault } from "../chat/request/to-fault.ts";
import { refuseUnknownKeys } from "../chat/request/unknown-keys.ts";
import { missing, unsupportedParameter, unsupportedValue, wrongMeaning } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { defaultRules, type RequestRules } from "../request-rules.ts";
import { type CompletionRequestBody, completionRequestSchema } from "./schema.ts";

/** A legacy completion request, checked. */
export interface CompletionRequest {
  /** One for each prompt, in order; without id and caller. */
  readonly generations: readonly Generation[];
  /** What each prompt's answers begin with: the prompt itself when it is to be echoed. */
  readonly echoes: readonly string[];
  /** How many answers each prompt gets. */
  readonly choices: number;
  readonly stream: boolean;
  /** Whether the stream ends with the usage. */
  readonly includeUsage: boolean;
  /** Whether log probabilities are wanted. */
  readonly logprobs: boolean;
}

/** OpenAI's default, which is short: whoever wants more has to say so. */
export const defaultMaxTokens = 16;

const schema = z.compile(completionRequestSchema);

/** What would change the answer and cannot be honoured: other ways to force its form. */
const refused = [
  "guided_json",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
  "structured_outputs",
  "grammar",
];

/** Checks a body against OpenAI's rules and translates it. Throws the first fault. */
export function parseCompletionRequest(
  raw: JsonObject,
  rules: RequestRules = defaultRules,
): CompletionRequest {
  if (raw.model === undefined || raw.model === null || raw.model === "")
    throw new MeshError("invalid_request", "you must provide a model parameter");
  if (raw.prompt === undefined || raw.prompt === null) throw missing("prompt");
  if (rules.strictKeys) refuseUnknownKeys(completionRequestSchema, raw, refused);
  const { data: body, error } = schema.safeParse(raw);
  if (error !== undefined) throw toFault(error.issues[0]!, raw);
  refuse(raw, body);

  const prompts = toPrompts(body.prompt);
  const sampling = parseSampling(body);
  const limits = parseLimits({ max_tokens: body.max_tokens ?? defaultMaxTokens, stop: body.stop });
  const { logprobs } = body;
  const wantsLogprobs = logprobs !== undefined && logprobs !== null;
  return {
    generations: prompts.map((rawPrompt) =>
      create(GenerationSchema, {
        model: body.model,
        rawPrompt,
        sampling,
        limits,
        ...(wantsLogprobs ? { logprobs: { top: logprobs } } : {}),
      }),
    ),
    echoes: prompts.map(({ prompt }) => (body.echo && prompt.case === "text" ? prompt.value : "")),
    choices: body.n ?? 1,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    logprobs: wantsLogprobs,
  };
}

function refuse(raw: JsonObject, body: CompletionRequestBody): void {
  for (const name of refused)
    if (raw[name] !== undefined && raw[name] !== null) throw unsupportedParameter(name);
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
    throw wrongMeaning(
      "echo",
      "Invalid value for 'echo': only prompts that are texts can be echoed, not those of token ids.",
    );
  if (body.stream_options && body.stream !== true)
    throw wrongMeaning(
      "stream_options",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    );
}

type Prompt = CompletionRequestBody["prompt"];

const isText = (prompt: Prompt): boolean => typeof prompt === "string" || typeof prompt[0] === "string";

/** An array of integers is one prompt; any other array has one in each place. */
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

const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;
