import { internalMessage, type MeshError } from "../../../core/errors/mesh-error.ts";
import { isErrorCode } from "./codes.ts";
import { HttpError } from "./http-faults.ts";

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

const waits = new Set([429, 503]);

/** Statuses that OpenAI's SDKs retry unless `x-should-retry` says otherwise. */
const isRetriedByDefault = (status: number): boolean => status === 409 || status === 429 || status >= 500;

const defaultRetryMs = 1000;
const maxRetryMs = 30_000;

/** Capped at half a minute: `openai` 6 for Node sleeps for as long as the header says. */
function retryAfter(milliseconds: number): Record<string, string> {
  const bounded = Math.min(maxRetryMs, Math.max(1, Math.ceil(milliseconds)));
  return { "retry-after": String(Math.ceil(bounded / 1000)), "retry-after-ms": String(bounded) };
}
