import type { Readable, Writable } from "node:stream";
import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import {
  type CallOptions,
  type ChannelOptions,
  Client,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { MeshError } from "../errors/mesh-error.ts";
import { type Cancellable, Connection } from "./connection.ts";
import { cannotBeReached, fromServiceError, toMethodDefinition } from "./grpc-codec.ts";
import { toTarget } from "./grpc-resolver.ts";
import { readCall, writeCall } from "./grpc-streams.ts";
import { keepalive, maxMessageBytes, roamingKeepalive } from "./limits.ts";
import { asMessage, asMessages } from "./messages.ts";
import { type ClientTls, tlsOptions, toChannelCredentials } from "./tls.ts";

/** A Connect transport that owns a connection. */
export interface GrpcTransport extends Transport {
  /** Ends the connection; calls that are open fail with `node_lost`. */
  close(): void;
}

/** Where to connect, and how. */
export interface GrpcTransportOptions {
  /** HOST:PORT. */
  readonly address: string;
  /** Without it the connection is in plain text. */
  readonly tls?: ClientTls | undefined;
  /** How long making a connection may take, in milliseconds. */
  readonly connectLimitMs?: number;
  /**
   * Whether this machine, or the NAT that it is behind, may get another address: then a connection that leads nowhere
   * any more is given up earlier.
   */
  readonly roams?: boolean;
}

const channelOptions: ChannelOptions = {
  // grpc-js sends no pings unless told: without them a frozen peer gave no error in 30 s.
  ...keepalive,
  "grpc.initial_reconnect_backoff_ms": 250,
  "grpc.min_reconnect_backoff_ms": 250,
  "grpc.max_reconnect_backoff_ms": 2000,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  // Each transport has a connection of its own, so that closing one never touches another.
  "grpc.use_local_subchannel_pool": 1,
};

/**
 * Speaks gRPC to HOST:PORT with grpc-js; clients made by Connect's `createClient` ride on it. Calls throw
 * MeshErrors: what the server threw, or `node_lost` when it cannot be reached.
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  const { address, tls, roams = false } = options;
  const connection = new Connection(
    () =>
      new Client(toTarget(address), toChannelCredentials(tls), {
        ...channelOptions,
        ...(roams ? roamingKeepalive : {}),
        ...(tls === undefined ? {} : tlsOptions(address)),
      }),
    options.connectLimitMs,
  );
  const toFailure = (call: Cancellable, error: ServiceError): MeshError =>
    connection.gaveUp(call)
      ? cannotBeReached(options.address, error)
      : fromServiceError(error, options.address);
  return {
    unary<I extends DescMessage, O extends DescMessage>(
      ...[method, signal, timeoutMs, header, input]: Parameters<Transport["unary"]>
    ) {
      return new Promise<UnaryResponse<I, O>>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const { path, requestSerialize, responseDeserialize } = toMethodDefinition(method);
        const call: ClientUnaryCall = connection.begin((client) =>
          client.makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            asMessage(method.input, input),
            toMetadata(header),
            callOptions(timeoutMs),
            (error, message) => {
              signal?.removeEventListener("abort", abort);
              if (signal?.aborted) reject(signal.reason);
              else if (error !== null) reject(toFailure(call, error));
              else resolve(toResponse(method, false, message) as unknown as UnaryResponse<I, O>);
            },
          ),
        );
        const abort = () => call.cancel();
        signal?.addEventListener("abort", abort, { once: true });
      });
    },

    async stream<I extends DescMessage, O extends DescMessage>(
      ...[method, signal, timeoutMs, header, input]: Parameters<Transport["stream"]>
    ) {
      signal?.throwIfAborted();
      const { path, requestSerialize, responseDeserialize } = toMethodDefinition(method);
      const metadata = toMetadata(header);
      const callConfig = callOptions(timeoutMs);
      const requests = asMessages(method.input, input);
      if (method.methodKind === "client_streaming")
        throw new MeshError("internal", `${path}: client streaming is not used in the mesh.`);
      const first =
        method.methodKind === "server_streaming" ? ((await requests.next()).value as Message) : undefined;
      const call = connection.begin((client) =>
        first === undefined
          ? client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, callConfig)
          : client.makeServerStreamRequest(
              path,
              requestSerialize,
              responseDeserialize,
              first,
              metadata,
              callConfig,
            ),
      );
      const messages = follow(
        call,
        (error) => toFailure(call, error),
        signal,
        () => void requests.return(undefined).catch(() => {}),
      );
      if (method.methodKind === "bidi_streaming") {
        const writable = call as unknown as Writable;
        writeCall(writable, requests).then(
          () => writable.end(),
          () => call.cancel(),
        );
      }
      return toResponse(method, true, messages) as unknown as StreamResponse<I, O>;
    },

    close: () => connection.close(),
  };
}

/** Reads the answers of a call; leaving, aborting and failing all release it once. */
function follow(
  call: Readable & { cancel(): void },
  toFailure: (error: ServiceError) => MeshError,
  signal: AbortSignal | undefined,
  onEnd: () => void,
): AsyncIterableIterator<Message> {
  let failure: unknown;
  const cancel = () => call.cancel();
  const release = () => {
    signal?.removeEventListener("abort", cancel);
    onEnd();
  };
  signal?.addEventListener("abort", cancel, { once: true });
  call.on("error", (error: ServiceError) => {
    failure = signal?.aborted ? signal.reason : toFailure(error);
    release();
    // grpc-js reports a failure without ending the readable side when nothing was read yet.
    call.resume();
    call.destroy();
  });
  call.on("end", release);
  return readCall(
    call,
    () => {
      release();
      call.cancel();
    },
    () => failure,
  );
}

const callOptions = (timeoutMs: number | undefined): CallOptions =>
  timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };

/** Only what a caller sets by name crosses; headers of HTTP requests are never forwarded. */
function toMetadata(header: Parameters<Transport["unary"]>[3]): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of new Headers(header)) metadata.set(key, value);
  return metadata;
}

function toResponse(method: DescMethod, stream: boolean, message: unknown): Record<string, unknown> {
  return { stream, service: method.parent, method, header: new Headers(), trailer: new Headers(), message };
}
