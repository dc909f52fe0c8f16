import { Code } from "@connectrpc/connect";
import { Reason } from "../../gen/cxmpute/error/v1/error_pb.ts";

/** One kind of failure on every surface. */
export interface KindRow {
  readonly reason: Reason;
  readonly grpc: Code;
  readonly http: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  /** OpenAI's `error.code`, unless the error has a more precise one. */
  readonly code: string | null;
  /** Whether a retry can help: never, after a while, or on another node. */
  readonly retry: "never" | "after" | "elsewhere";
}

const request = "invalid_request_error";
const server = "server_error";

/** Every kind of failure. */
export const kinds = {
  invalid_request: row(Reason.INVALID_REQUEST, Code.InvalidArgument, 400, request, null, "never"),
  unauthenticated: row(
    Reason.UNAUTHENTICATED,
    Code.Unauthenticated,
    401,
    request,
    "invalid_api_key",
    "never",
  ),
  model_not_found: row(Reason.MODEL_NOT_FOUND, Code.NotFound, 404, request, "model_not_found", "never"),
  rate_limited: tooMany(Reason.RATE_LIMITED, "requests", "rate_limit_exceeded", "after"),
  quota_exceeded: tooMany(Reason.QUOTA_EXCEEDED, "insufficient_quota", "insufficient_quota", "never"),
  caller_queue_full: tooMany(Reason.CALLER_QUEUE_FULL, "requests", "rate_limit_exceeded", "after"),
  saturated: row(Reason.SATURATED, Code.Unavailable, 503, server, "overloaded", "after"),
  queue_expired: row(Reason.QUEUE_EXPIRED, Code.Unavailable, 503, server, "overloaded", "after"),
  no_nodes: row(Reason.NO_NODES, Code.Unavailable, 503, server, null, "after"),
  engine_failed: row(Reason.ENGINE_FAILED, Code.Unavailable, 502, server, null, "elsewhere"),
  node_lost: row(Reason.NODE_LOST, Code.Unavailable, 502, server, null, "elsewhere"),
  deadline: row(Reason.DEADLINE, Code.DeadlineExceeded, 504, server, "timeout", "never"),
  cancelled: row(Reason.CANCELLED, Code.Canceled, 499, server, null, "never"),
  internal: row(Reason.INTERNAL, Code.Internal, 500, server, null, "never"),
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

function tooMany(reason: Reason, type: string, code: string, retry: KindRow["retry"]): KindRow {
  return row(reason, Code.ResourceExhausted, 429, type, code, retry);
}
