import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { FastifyInstance } from "fastify";
import { createCatalogue } from "../../../core/catalogue/catalogue.ts";
import type { Generate } from "../../../core/generate.ts";
import { Channel } from "../../../core/streams/channel.ts";
import { logGenerations } from "../../../core/telemetry/generation-record.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import {
  type DeltaSchema,
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  type UsageSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Model, ModelSchema } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { type AppOptions, createApp } from "../../../services/translator/app.ts";
import { createAuthenticate } from "../../../services/translator/auth/keys.ts";
import { defaultBodyLimitBytes } from "../../../services/translator/config.ts";
import { OpenRequests } from "../../../services/translator/http/open-requests.ts";
import { SseStreams } from "../../../services/translator/http/sse-streams.ts";
import { KnownModels } from "../../../services/translator/models/known-models.ts";
import { FakeClock } from "../core/fake-clock.ts";

// Helpers for tests of the translator.

export const startedEvent = (nodeId = "node-1", fingerprint = "engine and weights"): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "started", value: { nodeId, fingerprint } } });

export const deltaEvent = (delta: MessageInitShape<typeof DeltaSchema>): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "delta", value: delta } });

export const textEvent = (text: string): GenerationEvent => deltaEvent({ text, tokenIds: [1] });

export const finishedEvent = (
  reason: FinishReason = FinishReason.STOP,
  usage: MessageInitShape<typeof UsageSchema> = { promptTokens: 9, completionTokens: 12 },
): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "finished", value: { reason, usage } } });

/** The end of an answer that another engine continued. */
export const continuedEvent = (fingerprint: string, exact: boolean): GenerationEvent =>
  create(GenerationEventSchema, {
    event: {
      case: "finished",
      value: {
        reason: FinishReason.STOP,
        continuations: [{ nodeId: "b", afterTokens: 1, exact, fingerprint }],
      },
    },
  });

/** A whole answer with these texts. */
export const answerOf = (...texts: string[]): GenerationEvent[] => [
  startedEvent(),
  ...texts.map(textEvent),
  finishedEvent(),
];

/** Answers every generation with the same events, then the error if there is one. */
export const answering = (events: readonly GenerationEvent[], failure?: unknown): Generate =>
  async function* (_generation, signal) {
    for (const event of events) {
      signal.throwIfAborted();
      yield event;
    }
    if (failure !== undefined) throw failure;
  };

/** A generation that a test answers by hand. */
export interface ScriptedCall {
  readonly generation: Generation;
  readonly signal: AbortSignal;
  push(...events: GenerationEvent[]): void;
  fail(error: unknown): void;
  /** Resolves with the reason when the generation is aborted. */
  readonly aborted: Promise<unknown>;
}

/** Generations that a test answers by hand, in order of arrival. */
export function createScript(): { generate: Generate; next(): Promise<ScriptedCall> } {
  const calls = new Channel<ScriptedCall>({ capacity: 10_000 });
  return {
    generate(generation, signal) {
      const events = new Channel<GenerationEvent>({ capacity: Number.POSITIVE_INFINITY });
      const aborted = new Promise<unknown>((resolve) => {
        signal.addEventListener("abort", () => {
          resolve(signal.reason);
          events.fail(signal.reason);
        });
      });
      calls.push({
        generation,
        signal,
        push(...more) {
          for (const event of more) {
            events.push(event);
            if (event.event.case === "finished") events.close();
          }
        },
        fail: (error) => events.fail(error),
        aborted,
      });
      return events;
    },
    next: async () => (await calls.next()).value!,
  };
}

export const testKey = "sk-cx-0123456789abcdefghij";
export const testUser = "user-1";
export const bearer = { authorization: `Bearer ${testKey}` };

export const modelOf = (name: string, since = 1_700_000_000n, contextLength = 0): Model =>
  create(ModelSchema, { name, nodes: 1, slots: 1, since, contextLength });

/** The HTTP surface with scripted parts; time stands still unless a clock is given. */
export function createTestApp(parts: Partial<AppOptions> = {}): FastifyInstance {
  const clock = parts.clock ?? new FakeClock();
  return createApp({
    generate: answering(answerOf("Hello")),
    listModels: async () => [modelOf("m")],
    knownModels: new KnownModels(),
    catalogue: () => createCatalogue([]),
    authenticate: createAuthenticate([{ key: testKey, userId: testUser }]),
    openRequests: new OpenRequests(),
    sseStreams: new SseStreams(clock, 30_000),
    bodyLimitBytes: defaultBodyLimitBytes,
    prefixCache: "user",
    isDraining: () => false,
    onGenerationEnd: logGenerations(parts.log ?? silentLog),
    clock,
    log: silentLog,
    ...parts,
  });
}

/** A minimal body. */
export const question = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: "m",
  messages: [{ role: "user", content: "hi" }],
  ...more,
});

/** The data of every event of a stream. Throws on anything that is neither data nor a comment. */
export function parseSse(text: string): string[] {
  if (!text.endsWith("\n\n")) throw new Error("The stream does not end with a blank line.");
  return text
    .split("\n\n")
    .filter((event) => event !== "" && !event.startsWith(": "))
    .map((event) => {
      if (!event.startsWith("data: ") || event.includes("\n")) throw new Error(`No event: ${event}`);
      return event.slice("data: ".length);
    });
}
