import { internalMessage, type MeshError } from "../../../core/errors/mesh-error.ts";
import { HttpError } from "./http-faults.ts";

/**
 * Every `error.code` that this service sends besides null. Clients match on them: codes may be added, but never
 * changed.
 */
export const errorCodes = [
  // The HTTP surface.
  "invalid_api_key",
  "method_not_supported",
  "request_timeout",
  "request_too_large",
  "unsupported_content_type",
  "unsupported_content_encoding",
  // The request's parameters.
  "missing_required_parameter",
  "invalid_type",
  "invalid_value",
  "integer_below_min_value",
  "integer_above_max_value",
  "decimal_below_min_value",
  "decimal_above_max_value",
  "empty_array",
  "array_above_max_length",
  "empty_string",
  "string_above_max_length",
  "object_above_max_properties",
  "unknown_parameter",
  "unsupported_parameter",
  "unsupported_value",
  "invalid_function_parameters",
  "invalid_image_url",
  "invalid_image_format",
  "previous_response_not_found",
  // The mesh.
  "model_not_found",
  "context_length_exceeded",
  "rate_limit_exceeded",
  "insufficient_quota",
  "overloaded",
  "timeout",
  "loop_detected",
  "nodes_lost",
  "router_lost",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Whether clients may see a code; others stay inside the mesh. */
export const isErrorCode = (code: string): code is ErrorCode => known.has(code);

const known: ReadonlySet<string> = new Set(errorCodes);

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The response to an error that occurs before the answer has started. */
export function toErrorAnswer(error: MeshError): ErrorAnswer {
  const { http, retry } = error.row;
  return {
    status: http,
    headers: {
      ...(error instanceof HttpError ? error.headers : {}),
      ...(waits.has(http) && retry === "after" ? retryAfter(error.retryAfterMs ?? defaultRetryMs) : {}),
      ...(retry === "never" && isRetriedByDefault(http) ? { "x-should-retry": "false" } : {}),
    },
    body: toErrorBody(error),
  };
}

/** OpenAI's envelope as JSON text; also sent in streams that fail after status 200. */
export function toErrorBody(error: MeshError): string {
  const { row, code } = error;
  return JSON.stringify({
    error: {
      message: error.kind === "internal" ? internalMessage : error.message,
      type: row.type,
      param: error.param ?? null,
      code: code !== undefined && isErrorCode(code) ? code : row.code,
    },
  });
}

/** Statuses whose responses say when to retry. */
export const waits: ReadonlySet<number> = new Set([429, 503]);

/** Statuses that OpenAI's SDKs retry unless `x-should-retry` says otherwise. */
const isRetriedByDefault = (status: number): boolean => status === 409 || status === 429 || status >= 500;

const defaultRetryMs = 1000;
const maxRetryMs = 30_000;

/** Capped at half a minute: `openai` 6 for Node sleeps for as long as the header says. */
function retryAfter(milliseconds: number): Record<string, string> {
  const bounded = Math.min(maxRetryMs, Math.max(1, Math.ceil(milliseconds)));
  return { "retry-after": String(Math.ceil(bounded / 1000)), "retry-after-ms": String(bounded) };
}
