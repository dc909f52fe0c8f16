import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { MeshError } from "../errors/mesh-error.ts";
import { codecOf } from "./message-codec.ts";
import { fromConnectError, toConnectError } from "./status.ts";
import { describeTlsFailure } from "./tls.ts";

/** A method as grpc-js wants it, from protobuf-es descriptors. */
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

/** A failure as grpc-js sends it: code, text, and the details in `grpc-status-details-bin`. */
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

/** The inverse: what a grpc-js call to `address` failed with. */
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
  // grpc-js's own words name sockets and resolvers, which mean nothing to whoever reads the message.
  if (code === Code.Unavailable) return cannotBeReached(address, error);
  return fromConnectError(new ConnectError(error.details, code));
}

/** Nobody answers at `address`, or not any more. */
export const cannotBeReached = (address: string, cause: unknown): MeshError =>
  new MeshError("node_lost", `${address} cannot be reached, or the connection to it broke.`, { cause });

/** `code` of a `node_lost` where somebody answers, but not in the way that TLS asks for. */
export const tlsFailedCode = "tls_failed";

const detailsKey = "grpc-status-details-bin";
