import { create, fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Kind } from "../errors/kinds.ts";
import { fromErrorDetail, MeshError, toErrorDetail, toMeshError } from "../errors/mesh-error.ts";

/** A failure as Connect's error: gRPC status, message, and an `ErrorDetail` that inverts exactly. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = toMeshError(thrown);
  return new ConnectError(
    error.message,
    error.row.grpc,
    error.retryAfterMs === undefined
      ? undefined
      : { "retry-after": String(Math.ceil(error.retryAfterMs / 1000)) },
    [{ desc: ErrorDetailSchema, value: toErrorDetail(error) }],
    error,
  );
}

/** The inverse. A status without our detail (a proxy's, a dead peer's) becomes the nearest kind. */
export function fromConnectError(error: ConnectError): MeshError {
  for (const detail of error.details) {
    if ("type" in detail && detail.type === ErrorDetailSchema.typeName)
      return fromErrorDetail(fromBinary(ErrorDetailSchema, detail.value));
    if ("desc" in detail && detail.desc.typeName === ErrorDetailSchema.typeName)
      return fromErrorDetail(create(ErrorDetailSchema, detail.value));
  }
  return new MeshError(bareKinds.get(error.code) ?? "internal", error.rawMessage, { cause: error });
}

const bareKinds = new Map<Code, Kind>([
  [Code.Canceled, "cancelled"],
  [Code.InvalidArgument, "invalid_request"],
  [Code.DeadlineExceeded, "deadline"],
  [Code.NotFound, "model_not_found"],
  [Code.ResourceExhausted, "rate_limited"],
  [Code.Unauthenticated, "unauthenticated"],
  [Code.Unavailable, "node_lost"],
]);
