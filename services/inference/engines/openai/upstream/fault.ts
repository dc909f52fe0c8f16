import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import { count, type Members, members, text } from "../../upstream/json.ts";
import { upstreamText } from "../../upstream/upstream-text.ts";

/** An upstream's failure, normalized. */
export interface UpstreamFault {
  /** HTTP status; within a stream, derived from its code or type. */
  readonly status: number;
  /** Its own message, safe to pass on; may be empty. */
  readonly message: string;
  /** OpenAI's `type` and `code` or their equivalents; empty for none. */
  readonly type: string;
  readonly code: string;
  /** The request parameter at fault, if it names a known one. */
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Tokens of prompt and context, if it reports that the prompt does not fit. */
  readonly promptTokens: number | undefined;
  readonly contextTokens: number | undefined;
}

/** Reads a failed response. `now` is the wall time. */
export function readHttpFault(status: number, headers: Headers, text: string, now: number): UpstreamFault {
  const body = parseJson(text);
  const isWebPage = /^\s*</.test(text);
  return {
    ...readBody(body === undefined && !isWebPage ? text : body),
    status,
    retryAfterMs: readRetryAfter(headers, now),
  };
}

/** A failure in a body with status 200: OpenAI's, TGI's or vLLM's `error`, if not null, or `event: error`. */
export function readEventFault(value: unknown, isErrorEvent: boolean): UpstreamFault | undefined {
  const body = members(value);
  if (!isErrorEvent && body.object !== "error" && (body.error ?? undefined) === undefined) return undefined;
  const fault = readBody(value);
  return { ...fault, status: statusOf(fault, body), retryAfterMs: undefined };
}

function readBody(body: unknown): Omit<UpstreamFault, "status" | "retryAfterMs"> {
  const outer = members(body);
  const inner = isJsonObject(outer.error) ? outer.error : outer;
  const said = messageOf(inner, outer, body);
  return {
    message: upstreamText(said),
    type: word(inner.type ?? outer.error_type),
    code: word(inner.code),
    param: readParam(inner.param, said),
    // From llama-server's members, or the messages of vLLM, SGLang, OpenAI and TGI.
    promptTokens: tokens(inner.n_prompt_tokens) ?? firstNumber(said, promptPatterns),
    contextTokens: tokens(inner.n_ctx) ?? firstNumber(said, contextPatterns),
  };
}

function messageOf(inner: Members, outer: Members, body: unknown): string {
  for (const said of [inner.message, outer.error, outer.message, outer.detail])
    if (typeof said === "string") return said;
  // FastAPI's list of faults.
  if (Array.isArray(outer.detail)) return outer.detail.map(detailOf).join("; ");
  return text(body);
}

function detailOf(item: unknown): string {
  const { loc, msg } = members(item);
  const path = Array.isArray(loc) ? `'${loc.filter((step) => step !== "body").join(".")}': ` : "";
  return `${path}${String(msg ?? "")}`;
}

/** The equivalent status of a failure within a stream. */
function statusOf({ type, code, message }: ReturnType<typeof readBody>, body: Members): number {
  const number = Number(members(body.error).code ?? body.code ?? code);
  if (Number.isInteger(number) && number >= 400 && number < 600) return number;
  const said = `${type} ${code}`.toLowerCase();
  if (/rate_?limit|overload|unavailable|capacity/.test(said)) return 429;
  if (/invalid_?request|bad_?request|validation|context_length|exceed_context/.test(said)) return 400;
  return /\boverloaded\b|too many requests/i.test(message) ? 503 : 500;
}

/** The upstream's own word, or a parameter that its message quotes. */
function readParam(param: unknown, message: string): string | undefined {
  const candidates = [
    typeof param === "string" ? param.replace(/^body\./, "") : "",
    /(?:argument supplied|parameter):\s*['"`]?([\w.[\]]+)/i.exec(message)?.[1] ?? "",
    /['"`]([a-z_]+(?:[.[][\w.[\]]*)?)['"`]/.exec(message)?.[1] ?? "",
  ];
  return candidates.find(
    (path) =>
      path.length <= 100 && parameters.has(/^[a-z_]+/.exec(path)?.[0] ?? "") && /^[\w.[\]]+$/.test(path),
  );
}

/** Parameters that callers know by the same names. */
const parameters = new Set(
  (
    "messages tools tool_choice parallel_tool_calls response_format temperature top_p top_k min_p frequency_penalty " +
    "presence_penalty repetition_penalty repeat_penalty seed logit_bias logprobs top_logprobs max_tokens " +
    "max_completion_tokens reasoning_effort chat_template_kwargs stream_options prompt input model"
  ).split(" "),
);

const promptPatterns = [
  /resulted in (\d+) tokens/i,
  /\((\d+) in the (?:messages|prompt)/i,
  /(?:has|passed|contains(?: at least)?) (\d+) input tokens/i,
  /(?:request|input) \((\d+) tokens\)/i,
  /(\d+) tokens from the input/i,
  /given: (\d+) `?inputs/i,
];

const contextPatterns = [
  /maximum context length (?:is|of) (?:only )?(\d+)/i,
  /context length(?: is| of)?(?: only)? (\d+)/i,
  /context (?:size|length) \((\d+) tokens\)/i,
  /`max_new_tokens` must be <= (\d+)/i,
  // llama-server reads an input to embed in one batch.
  /current batch size: (\d+)/i,
];

const firstNumber = (text: string, patterns: readonly RegExp[]): number | undefined =>
  tokens(patterns.map((pattern) => pattern.exec(text)?.[1]).find((digits) => digits !== undefined));

/** In milliseconds, from the headers that OpenAI's clients read. */
function readRetryAfter(headers: Headers, now: number): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (milliseconds >= 0) return Math.min(milliseconds, longestRetryAfterMs);
  const text = headers.get("retry-after");
  if (text === null || text.trim() === "") return undefined;
  const waitMs = Number.isNaN(Number(text)) ? Date.parse(text) - now : Number(text) * 1000;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(0, waitMs), longestRetryAfterMs);
}

const longestRetryAfterMs = 60_000;

const word = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value).slice(0, 60) : "";

/** A positive number of tokens, also in words. */
const tokens = (value: unknown): number | undefined => count(Number(value ?? Number.NaN)) || undefined;
