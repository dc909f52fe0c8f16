import type { EventEmitter } from "node:events";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import {
  ConnectError,
  createContextValues,
  createHandlerContext,
  type HandlerContext,
} from "@connectrpc/connect";
import type {
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { MeshError, toMeshError } from "../errors/mesh-error.ts";
import { callerAddressKey, type Peer, peerKey } from "../identity/peer.ts";
import { untilAborted } from "../streams/until-aborted.ts";
import type { Log } from "../telemetry/log.ts";
import type { Registration } from "./contract.ts";
import { toMethodDefinition, toServiceError } from "./grpc-codec.ts";
import { readCall, writeCall } from "./grpc-streams.ts";
import { codecOf } from "./message-codec.ts";
import { asMessage, asMessages } from "./messages.ts";
import type { SecuredCall } from "./peer.ts";

type Handler = (input: unknown, context: HandlerContext) => unknown;
interface ServerCall extends Pick<EventEmitter, "on" | "off">, SecuredCall {
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  getPeer(): string;
}

/** How to run handlers. */
export interface HandlerOptions {
  readonly shutdown: AbortSignal;
  readonly peerOf: (call: ServerCall) => Peer;
  readonly log: Log;
}

/** Adapts an implementation of Connect's shape to grpc-js. */
export function toServiceImplementation(
  { service, implementation }: Registration,
  options: HandlerOptions,
): { definition: ServiceDefinition; handlers: UntypedServiceImplementation } {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const handlers: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    const handler = (implementation as Record<string, Handler | undefined>)[method.localName];
    if (handler === undefined) continue;
    definition[method.name] = toMethodDefinition(method);
    handlers[method.name] = adapt(method, handler.bind(implementation), options);
  }
  return { definition, handlers };
}

function adapt(
  method: DescMethod,
  handler: Handler,
  options: HandlerOptions,
): UntypedServiceImplementation[string] {
  const failed = (error: unknown) => {
    if (error instanceof ConnectError) return toServiceError(error);
    const known = toMeshError(error);
    if (known.kind === "internal")
      options.log.error(
        { err: known.cause ?? known, method: `${method.parent.typeName}/${method.name}` },
        "a handler failed",
      );
    return toServiceError(known);
  };
  if (method.methodKind === "unary") {
    const unary: handleUnaryCall<Message, Message> = (call, callback) => {
      const { context, end } = openCall(method, call, options);
      Promise.resolve()
        .then(() => handler(call.request, context))
        .then(
          (message) => callback(null, asMessage(method.output, message as Message)),
          (error: unknown) => callback(failed(error)),
        )
        .finally(end);
    };
    return unary;
  }
  return (call: ServerDuplexStream<Message, Message>) => {
    const { context, end } = openCall(method, call, options);
    const input =
      method.methodKind === "server_streaming"
        ? (call as unknown as ServerWritableStream<Message, Message>).request
        : readCall(
            call,
            () => {},
            () => (context.signal.aborted ? (context.signal.reason as unknown) : undefined),
          );
    Promise.resolve()
      .then(() => {
        const answers = asMessages(method.output, handler(input, context) as AsyncIterable<Message>);
        return writeCall(call, untilAborted(answers, context.signal), codecOf(method.output).prepare);
      })
      .then(
        () => call.end(),
        (error: unknown) => {
          if (!call.cancelled) call.emit("error", failed(error));
        },
      )
      .finally(end);
  };
}

/** Makes the handler's context, which aborts when the caller leaves or the server shuts down. */
function openCall(method: DescMethod, call: ServerCall, { shutdown, peerOf }: HandlerOptions) {
  const caller = new AbortController();
  const leave = () => caller.abort(new MeshError("cancelled", "The caller left."));
  const stop = () => caller.abort(shutdown.reason);
  call.on("cancelled", leave);
  if (shutdown.aborted) stop();
  else shutdown.addEventListener("abort", stop, { once: true });
  const deadline = call.getDeadline();
  const remainingMs = Number(deadline) - Date.now();
  const context = createHandlerContext({
    service: method.parent,
    method,
    protocolName: "grpc",
    requestMethod: "POST",
    url: `http://mesh/${method.parent.typeName}/${method.name}`,
    ...(Number.isFinite(remainingMs) ? { timeoutMs: Math.max(0, remainingMs) } : {}),
    requestHeader: toHeaders(call.metadata),
    contextValues: createContextValues()
      .set(peerKey, peerOf(call))
      .set(callerAddressKey, call.getPeer().replace(/:\d+$/, "")),
    requestSignal: caller.signal,
  });
  return {
    context,
    end: () => {
      shutdown.removeEventListener("abort", stop);
      call.off("cancelled", leave);
      context.abort();
    },
  };
}

function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [key, value] of Object.entries(metadata.getMap()))
    headers.set(key, Buffer.isBuffer(value) ? value.toString("base64") : String(value));
  return headers;
}
