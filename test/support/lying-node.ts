import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { protocol } from "../../core/protocol.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { Channel } from "../../core/streams/channel.ts";
import type { ErrorDetailSchema } from "../../gen/cxmpute/error/v1/error_pb.ts";
import type { Generation, GenerationEventSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { StreamEventsSchema } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type AttachRequest,
  AttachRequestSchema,
  RouterService,
} from "../../gen/cxmpute/router/v1/router_pb.ts";

/** An event of an answer, as the wire has it. */
export type WireEvent = NonNullable<MessageInitShape<typeof GenerationEventSchema>["event"]>;

/** Sends of one answer what it likes. */
export interface Lie {
  event(...events: WireEvent[]): void;
  fail(detail: Exclude<MessageInitShape<typeof ErrorDetailSchema>, { $typeName: string }>): void;
}

/** What it does for each model that it serves. */
export type Lies = Readonly<Record<string, (lie: Lie, generation: Generation) => void>>;

/** A node of its own making: it speaks the protocol and runs none of this project's guards. */
export interface LyingNode {
  /** How many generations of a model it was asked for. */
  asked(model: string): number;
  close(): void;
}

/** Registers under `id`, attaches to the router, and lies. Resolves once the router has accepted it. */
export async function startLyingNode(
  { id, registry, router }: { id: string; registry: string; router: string },
  lies: Lies,
): Promise<LyingNode> {
  const transports = [registry, router].map((address) => createGrpcTransport({ address }));
  const counts = new Map<string, number>();
  const outgoing = new Channel<AttachRequest>({ capacity: Number.POSITIVE_INFINITY });
  const send = (stream?: MessageInitShape<typeof StreamEventsSchema>) => {
    const models = Object.keys(lies).map((model) => ({ model, slots }));
    const value = { load: { models, draining: false }, streams: stream === undefined ? [] : [stream] };
    outgoing.push(create(AttachRequestSchema, { message: { case: "frame", value } }));
  };

  const registryClient = createClient(RegistryService, transports[0]!);
  const { leaseId, ttlMs } = await registryClient.registerNode({
    node: { id, version: "lies", models: Object.keys(lies).map(toServed) },
    protocolVersion: protocol.current,
    oldestProtocolVersion: protocol.oldest,
  });
  const renewal = setInterval(() => void registryClient.renewLease({ leaseId }).catch(() => {}), ttlMs / 3);
  const heartbeat = setInterval(send, 300);
  const close = () => {
    clearInterval(renewal);
    clearInterval(heartbeat);
    outgoing.close();
    for (const transport of transports) transport.close();
  };

  outgoing.push(
    create(AttachRequestSchema, { message: { case: "hello", value: { nodeId: id, leaseId, protocol } } }),
  );
  const incoming = createClient(RouterService, transports[1]!).attach(outgoing)[Symbol.asyncIterator]();
  await incoming.next();
  send();
  const answer = (streamId: number, generation: Generation) => {
    counts.set(generation.model, (counts.get(generation.model) ?? 0) + 1);
    lies[generation.model]?.(
      {
        event: (...events) => send({ streamId, events: events.map((event) => ({ event })) }),
        fail: (failure) => send({ streamId, failure }),
      },
      generation,
    );
  };
  const listen = async () => {
    for (;;) {
      const { value, done } = await incoming.next();
      if (done === true) return;
      for (const { streamId, generation } of value.frame?.starts ?? [])
        if (generation !== undefined) answer(streamId, generation);
    }
  };
  void listen().catch(() => {});
  return { asked: (model) => counts.get(model) ?? 0, close };
}

const slots = 50;

const toServed = (model: string) => ({
  model,
  engine: "synthetic",
  engineName: model,
  slots,
  contextLength: 131_072,
  capabilities: { tools: true, logprobs: true, resume: Capabilities_Resume.TOKENS },
});
