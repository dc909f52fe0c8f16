import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { MeshError } from "../errors/mesh-error.ts";
import { codecOf } from "./message-codec.ts";
import { fromConnectError, toConnectError } from "./status.ts";
import { describeTlsFailure } from "./tls.ts";

/** The grpc-js definition of a method. */
export function toMethodDefinition(method: DescMethod): MethodDefinition<Message, Message> {
  const request = codecOf(method.input);
  const response = codecOf(method.output);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}

/** A failure for grpc-js: code, message, and the details in `grpc-status-details-bin`. */
export function toServiceError(thrown: unknown): Partial<ServiceError> {
  const error = toConnectError(thrown);
  const trailers = setTrailerStatus(new Headers(), error);
  const metadata = new Metadata();
  for (const [key, value] of trailers) {
    if (key === detailsKey) metadata.set(key, Buffer.from(value, "base64"));
    else if (!key.startsWith("grpc-")) metadata.set(key, value);
  }
  return { code: error.code as number, details: error.rawMessage, metadata };
}

/** The inverse: the failure of a grpc-js call to `address`. */
export function fromServiceError(error: ServiceError, address: string): MeshError {
  const details = error.metadata?.get(detailsKey)[0];
  const trailers = new Headers();
  if (Buffer.isBuffer(details)) trailers.set(detailsKey, details.toString("base64"));
  const code = error.code in Code ? (error.code as number as Code) : Code.Unknown;
  const sent = findTrailerError(trailers);
  if (sent !== undefined) return fromConnectError(sent);
  const tlsFailure = describeTlsFailure(error.details, address);
  if (tlsFailure !== undefined)
    return new MeshError("node_lost", tlsFailure, { code: tlsFailedCode, cause: error });
  // grpc-js's own message names sockets and resolvers, which mean nothing to users.
  if (code === Code.Unavailable) return cannotBeReached(address, error);
  return fromConnectError(new ConnectError(error.details, code));
}

/** The failure when `address` does not answer, or no longer does. */
export const cannotBeReached = (address: string, cause: unknown): MeshError =>
  new MeshError("node_lost", `${address} cannot be reached, or the connection to it broke.`, { cause });

/** `code` of a `node_lost` whose cause is TLS. */
export const tlsFailedCode = "tls_failed";

const detailsKey = "grpc-status-details-bin";
