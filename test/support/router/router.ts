import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { Channel } from "../../../core/streams/channel.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
  Role,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  Capabilities_Resume,
  CapabilitiesSchema,
  type Node,
  NodeSchema,
  type ServedModelSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type Load, LoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Candidate } from "../../../services/router/routing/candidate.ts";
import { hashOf } from "../../../services/router/routing/rendezvous-hash.ts";

/** A generation for the model `m`, with one message. */
export function generationOf(fields: MessageInitShape<typeof GenerationSchema> = {}): Generation {
  return create(GenerationSchema, {
    id: "g",
    model: "m",
    messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: "hello" } }] }],
    ...fields,
  });
}

export const started = (nodeId = "n"): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "started", value: { nodeId, fingerprint: "f" } } });
export const delta = (text: string): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "delta", value: { text } } });
export const finished = (completionTokens = 2): GenerationEvent =>
  create(GenerationEventSchema, {
    event: { case: "finished", value: { reason: FinishReason.STOP, usage: { completionTokens } } },
  });

/** A node that serves the model `m` with `slots` slots and can do everything. */
export function nodeOf(
  id: string,
  fields: MessageInitShape<typeof NodeSchema> = {},
  served: MessageInitShape<typeof ServedModelSchema> = {},
): Node {
  return create(NodeSchema, {
    id,
    models: [
      {
        model: "m",
        engine: "synthetic",
        engineName: "m",
        slots: 2,
        contextLength: 4096,
        fingerprint: "f",
        capabilities: create(CapabilitiesSchema, {
          tools: true,
          forcedToolChoice: true,
          jsonObject: true,
          jsonSchema: true,
          logprobs: true,
          vision: true,
          logitBias: true,
          resume: Capabilities_Resume.TOKENS,
          rawPrompt: true,
        }),
        ...served,
      },
    ],
    ...fields,
  });
}

/** A candidate that is ready and idle, for rankings without a fleet. */
export function candidateOf(id: string, fields: Partial<Candidate> = {}): Candidate {
  const node = nodeOf(id);
  return {
    node,
    idHash: hashOf(id),
    served: node.models[0],
    offers: 127,
    listed: true,
    connected: true,
    draining: false,
    suspected: false,
    ejected: undefined,
    whyEjected: "",
    slots: 4,
    running: 0,
    waiting: 0,
    occupied: 0,
    firstTokenMs: undefined,
    tokenMs: undefined,
    measuredTokenMs: undefined,
    serviceMs: undefined,
    ...fields,
  };
}

/** One generation that a fake node was asked for; the test plays the engine. */
export interface Asked {
  readonly generation: Generation;
  readonly signal: AbortSignal;
  readonly events: Channel<GenerationEvent>;
}

/** A relay whose other end the test plays. */
export interface FakeRelay extends RelayClient {
  /** Everything it was asked for, in order. */
  readonly asked: Asked[];
  suspected: boolean;
  /** What the node tells of itself from now on. */
  setLoad(load: MessageInitShape<typeof LoadSchema>): Load;
}

/** Makes a relay to an idle node. `answer` plays the engine at once; without it the test does, through `asked`. */
export function fakeRelay(answer?: (asked: Asked) => void): FakeRelay {
  const asked: Asked[] = [];
  const open = new Set<Asked>();
  const ended = Promise.withResolvers<MeshError>();
  let load: Load = create(LoadSchema);
  const generate: Generate = (generation, signal) => ({
    [Symbol.asyncIterator]() {
      signal.throwIfAborted();
      const events = new Channel<GenerationEvent>({ capacity: 1_000_000, onLeave: () => open.delete(one) });
      const one: Asked = { generation, signal, events };
      signal.addEventListener("abort", () => {
        open.delete(one);
        events.fail(signal.reason);
      });
      asked.push(one);
      open.add(one);
      answer?.(one);
      return events;
    },
  });
  return {
    asked,
    generate,
    get open() {
      return open.size;
    },
    get load() {
      return load;
    },
    suspected: false,
    setLoad(next) {
      load = create(LoadSchema, next);
      return load;
    },
    closed: ended.promise,
    close(reason) {
      for (const { events } of open) events.fail(reason);
      open.clear();
      ended.resolve(reason);
    },
  };
}

/** Answers at once with the texts given. */
export const answering =
  (...texts: string[]) =>
  ({ events }: Asked): void => {
    for (const event of [started(), ...texts.map(delta), finished(texts.length)]) events.push(event);
    events.close();
  };

/** Fails at once. */
export const failing =
  (error: MeshError) =>
  ({ events }: Asked): void =>
    events.fail(error);

/** Waits until everything that can happen without time passing has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The text of an answer. */
export const textOf = (events: readonly GenerationEvent[]): string =>
  events.map(({ event }) => (event.case === "delta" ? event.value.text : "")).join("");
