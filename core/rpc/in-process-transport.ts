import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  createHandlerContext,
  type HandlerContext,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { peerKey, trustedPeer } from "../identity/peer.ts";
import { linkSignal } from "../streams/link-signal.ts";
import { untilAborted } from "../streams/until-aborted.ts";
import type { Registration } from "./contract.ts";
import { asMessage, asMessages } from "./messages.ts";
import { fromConnectError } from "./status.ts";

type Handler = (input: unknown, context: HandlerContext) => unknown;

/** Calls implementations in the same process. Messages pass by reference, so both sides treat them as immutable. */
export function createInProcessTransport(registrations: readonly Registration[]): Transport {
  const handlers = new Map<string, Handler>();
  for (const { service, implementation } of registrations)
    for (const method of service.methods) {
      const handler = (implementation as Record<string, Handler | undefined>)[method.localName];
      if (handler !== undefined)
        handlers.set(`${service.typeName}/${method.name}`, handler.bind(implementation));
    }

  const open = (method: Parameters<Transport["stream"]>[0] | Parameters<Transport["unary"]>[0]) => {
    const handler = handlers.get(`${method.parent.typeName}/${method.name}`);
    if (handler !== undefined) return handler;
    throw fromConnectError(
      new ConnectError(`${method.parent.typeName}/${method.name} is not served here.`, Code.Unimplemented),
    );
  };

  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      ...[method, signal, timeoutMs, header, input, values]: Parameters<Transport["unary"]>
    ) {
      const call = openCall(method, signal, timeoutMs, header, values);
      try {
        const answer = Promise.resolve(open(method)(asMessage(method.input, input), call.context));
        const aborted = new Promise<never>((_, reject) => {
          call.context.signal.addEventListener("abort", () => reject(call.context.signal.reason), {
            once: true,
          });
        });
        const message = asMessage(
          method.output,
          (await Promise.race([answer, aborted])) as MessageInitShape<O>,
        );
        return response(method, false, call.context, message) as unknown as UnaryResponse<I, O>;
      } catch (error) {
        throw unwrap(error);
      } finally {
        call.end();
      }
    },

    async stream<I extends DescMessage, O extends DescMessage>(
      ...[method, signal, timeoutMs, header, input, values]: Parameters<Transport["stream"]>
    ) {
      const call = openCall(method, signal, timeoutMs, header, values);
      const handler = open(method);
      const requests = asMessages(method.input, input);
      async function* messages(): AsyncGenerator<MessageShape<O>> {
        try {
          let argument: unknown = requests;
          if (method.methodKind === "server_streaming") argument = (await requests.next()).value;
          const answer = handler(argument, call.context);
          if (method.methodKind === "client_streaming")
            yield asMessage(method.output, (await answer) as MessageInitShape<O>) as MessageShape<O>;
          else
            for await (const message of untilAborted(
              answer as AsyncIterable<MessageInitShape<O>>,
              call.context.signal,
            ))
              yield asMessage(method.output, message) as MessageShape<O>;
        } catch (error) {
          throw unwrap(error);
        } finally {
          call.end();
        }
      }
      return response(method, true, call.context, messages()) as unknown as StreamResponse<I, O>;
    },
  };
}

const trusted = (values: ContextValues = createContextValues()): ContextValues =>
  values.set(peerKey, trustedPeer);

function unwrap(error: unknown): unknown {
  return error instanceof ConnectError ? fromConnectError(error) : error;
}

function openCall(
  method: Parameters<Transport["stream"]>[0] | Parameters<Transport["unary"]>[0],
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: Parameters<Transport["unary"]>[3],
  contextValues: Parameters<Transport["unary"]>[5],
) {
  signal?.throwIfAborted();
  const link = linkSignal(signal ?? new AbortController().signal);
  const context = createHandlerContext({
    service: method.parent,
    method,
    protocolName: "in-process",
    requestMethod: "POST",
    url: `in-process:///${method.parent.typeName}/${method.name}`,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(header === undefined ? {} : { requestHeader: header }),
    contextValues: trusted(contextValues),
    requestSignal: link.signal,
  });
  return {
    context,
    end: () => {
      link.unlink();
      link.abort();
      context.abort();
    },
  };
}

function response(
  method: { parent: unknown },
  stream: boolean,
  context: HandlerContext,
  message: unknown,
): Record<string, unknown> {
  return {
    stream,
    service: method.parent,
    method,
    header: context.responseHeader,
    trailer: context.responseTrailer,
    message,
  };
}
