import { Code } from "@connectrpc/connect";
import { Reason } from "../../gen/cxmpute/error/v1/error_pb.ts";

/** What one kind of failure looks like on every surface. */
export interface KindRow {
  /** On the wire, in `ErrorDetail`. */
  readonly reason: Reason;
  /** gRPC status. */
  readonly grpc: Code;
  /** HTTP status. */
  readonly http: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  /** OpenAI's `error.code`, unless the error names a more precise one. */
  readonly code: string | null;
  /** Whether another try can help: not at all, after a while, or on another node. */
  readonly retry: "never" | "after" | "elsewhere";
}

/** Every kind of failure there is. */
export const kinds = {
  invalid_request: row(
    Reason.INVALID_REQUEST,
    Code.InvalidArgument,
    400,
    "invalid_request_error",
    null,
    "never",
  ),
  unauthenticated: row(
    Reason.UNAUTHENTICATED,
    Code.Unauthenticated,
    401,
    "invalid_request_error",
    "invalid_api_key",
    "never",
  ),
  model_not_found: row(
    Reason.MODEL_NOT_FOUND,
    Code.NotFound,
    404,
    "invalid_request_error",
    "model_not_found",
    "never",
  ),
  rate_limited: row(
    Reason.RATE_LIMITED,
    Code.ResourceExhausted,
    429,
    "requests",
    "rate_limit_exceeded",
    "after",
  ),
  quota_exceeded: row(
    Reason.QUOTA_EXCEEDED,
    Code.ResourceExhausted,
    429,
    "insufficient_quota",
    "insufficient_quota",
    "never",
  ),
  caller_queue_full: row(
    Reason.CALLER_QUEUE_FULL,
    Code.ResourceExhausted,
    429,
    "requests",
    "rate_limit_exceeded",
    "after",
  ),
  saturated: row(Reason.SATURATED, Code.Unavailable, 503, "server_error", "overloaded", "after"),
  queue_expired: row(Reason.QUEUE_EXPIRED, Code.Unavailable, 503, "server_error", "overloaded", "after"),
  no_nodes: row(Reason.NO_NODES, Code.Unavailable, 503, "server_error", null, "after"),
  engine_failed: row(Reason.ENGINE_FAILED, Code.Unavailable, 502, "server_error", null, "elsewhere"),
  node_lost: row(Reason.NODE_LOST, Code.Unavailable, 502, "server_error", null, "elsewhere"),
  deadline: row(Reason.DEADLINE, Code.DeadlineExceeded, 504, "server_error", "timeout", "never"),
  cancelled: row(Reason.CANCELLED, Code.Canceled, 499, "server_error", null, "never"),
  internal: row(Reason.INTERNAL, Code.Internal, 500, "server_error", null, "never"),
} as const satisfies Record<string, KindRow>;

/** The name of a kind. */
export type Kind = keyof typeof kinds;

/** The kind behind a reason on the wire; an unknown reason is `internal`. */
export function kindOf(reason: Reason): Kind {
  return byReason.get(reason) ?? "internal";
}

const byReason = new Map<Reason, Kind>(
  Object.entries(kinds).map(([kind, { reason }]) => [reason, kind as Kind]),
);

function row(
  reason: Reason,
  grpc: Code,
  http: number,
  type: string,
  code: string | null,
  retry: KindRow["retry"],
): KindRow {
  return { reason, grpc, http, type, code, retry };
}
