import { internalMessage, type MeshError } from "../../../../core/errors/mesh-error.ts";
import { FinishReason, type Usage } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { serviceTier } from "../../answers/wire.ts";
import type { ResponseSettings } from "../request/index.ts";
import { isIncomplete, type Output } from "./output.ts";
import type { ResponseObject } from "./schema.ts";

/** The part of a response that does not change. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly settings: ResponseSettings;
}

/** The part that changes. */
type ResponseState = Pick<ResponseObject, "status"> &
  Partial<Pick<ResponseObject, "completed_at" | "error" | "incomplete_details" | "output" | "usage">>;

function toResponse({ id, createdAt, settings }: ResponseHead, state: ResponseState): ResponseObject {
  const { user, metadata, ...rest } = settings;
  return {
    id,
    object: "response",
    created_at: createdAt,
    status: state.status,
    background: false,
    completed_at: state.completed_at ?? null,
    error: state.error ?? null,
    incomplete_details: state.incomplete_details ?? null,
    ...rest,
    output: state.output ?? [],
    service_tier: serviceTier,
    usage: state.usage ?? null,
    user,
    metadata,
  };
}

/** A response that has just started. */
export const toStartedResponse = (head: ResponseHead): ResponseObject =>
  toResponse(head, { status: "in_progress" });

/** A response that has ended, possibly at a limit; `now` is in seconds since 1970. */
export function toEndedResponse(
  head: ResponseHead,
  { items, reason, usage }: Output,
  now: number,
): ResponseObject {
  return toResponse(head, {
    output: items,
    usage: toUsage(usage),
    ...(isIncomplete(reason)
      ? { status: "incomplete", incomplete_details: { reason: toIncompleteReason(reason) } }
      : { status: "completed", completed_at: now }),
  });
}

/** A response that failed. */
export const toFailedResponse = (head: ResponseHead, { items }: Output, error: MeshError): ResponseObject =>
  toResponse(head, { status: "failed", output: items, error: toResponseError(error) });

const toIncompleteReason = (reason: FinishReason) =>
  reason === FinishReason.CONTENT_FILTER ? "content_filter" : "max_output_tokens";

/** OpenAI has few codes here; everything but a rate limit is a server error. */
function toResponseError({ kind, row, message }: MeshError): ResponseObject["error"] {
  return {
    code: row.http === 429 ? "rate_limit_exceeded" : "server_error",
    message: kind === "internal" ? internalMessage : message,
  };
}

function toUsage(usage: Usage | undefined): ResponseObject["usage"] {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}
