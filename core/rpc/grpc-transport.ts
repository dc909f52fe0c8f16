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
import { keepalive, maxMessageBytes, quickKeepalive } from "./limits.ts";
import { codecOf } from "./message-codec.ts";
import { asMessage, asMessages } from "./messages.ts";
import { type ClientTls, tlsOptions, toChannelCredentials } from "./tls.ts";

/** A Connect transport that owns a connection. */
export interface GrpcTransport extends Transport {
  /** Uses another connection for new calls. Returns how to close the former one, with the calls that it still has. */
  renew(): () => void;
  /** Ends the connection; calls that are open fail with `node_lost`. */
  close(): void;
}

/** How to connect. */
export interface GrpcTransportOptions {
  readonly address: string;
  readonly tls?: ClientTls | undefined;
  readonly connectLimitMs?: number;
  /** Whether it carries relays: then a silent connection is given up later. */
  readonly carriesRelays?: boolean;
}

const channelOptions: ChannelOptions = {
  // Without pings a frozen peer gave no error in 30 s.
  ...keepalive,
  "grpc.initial_reconnect_backoff_ms": 250,
  "grpc.min_reconnect_backoff_ms": 250,
  "grpc.max_reconnect_backoff_ms": 2000,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  // A connection for each transport, so that closing one never affects another.
  "grpc.use_local_subchannel_pool": 1,
};

/** A transport over grpc-js. Calls throw MeshErrors: the server's own, or `node_lost` when it cannot be reached. */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  const { address, tls, carriesRelays = true } = options;
  const connection = new Connection(
    () =>
      new Client(toTarget(address), toChannelCredentials(tls), {
        ...channelOptions,
        ...(carriesRelays ? {} : quickKeepalive),
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
        const call: ClientUnaryCall = connection.start((client) =>
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
      const call = connection.start((client) =>
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
        writeCall(writable, requests, codecOf(method.input).prepare).then(
          () => writable.end(),
          () => call.cancel(),
        );
      }
      return toResponse(method, true, messages) as unknown as StreamResponse<I, O>;
    },

    renew: () => connection.renew(),
    close: () => connection.close(),
  };
}

/** Reads the messages of a call, which is released when it ends, fails or aborts, or the reader leaves. */
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
    // grpc-js does not end the readable side of a failed call from which nothing was read.
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

/** Only headers that a caller sets are sent; those of HTTP requests are never forwarded. */
function toMetadata(header: Parameters<Transport["unary"]>[3]): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of new Headers(header)) metadata.set(key, value);
  return metadata;
}

function toResponse(method: DescMethod, stream: boolean, message: unknown): Record<string, unknown> {
  return { stream, service: method.parent, method, header: new Headers(), trailer: new Headers(), message };
}
