import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import { Channel } from "../../../core/streams/channel.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationSchema,
  Role,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type Capabilities,
  CapabilitiesSchema,
  type ServedModel,
  ServedModelSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../services/inference/engine.ts";

/** One generation inside a fake engine, driven by the test. */
export interface FakeRun {
  readonly generation: Generation;
  /** As given to the engine. */
  readonly signal: AbortSignal;
  /** Whether the reader has left or read to the end. */
  readonly left: boolean;
  /** Yields one event as it is, right or wrong. */
  send(event: GenerationEvent): void;
  /** Yields the lawful beginning, some text with one token id for each piece, and the end. */
  answer(...texts: string[]): void;
  /** Throws. */
  fail(error: unknown): void;
  /** Ends the iteration. */
  end(): void;
}

/** An engine for tests that does nothing by itself and takes no notice of aborts. */
export class FakeEngine implements Engine {
  /** The generations that have reached it, in order. */
  readonly runs: FakeRun[] = [];
  /** What it says that it serves; a function may throw or wait. */
  serves: ServedModel[] | (() => Promise<ServedModel[]>);
  modelCalls = 0;
  closed = false;

  constructor(serves: ServedModel[] | (() => Promise<ServedModel[]>) = [servedModel("m")]) {
    this.serves = serves;
  }

  models(): Promise<ServedModel[]> {
    this.modelCalls++;
    return typeof this.serves === "function" ? this.serves() : Promise.resolve(this.serves);
  }

  generate(generation: Generation, signal: AbortSignal): AsyncIterable<GenerationEvent> {
    let left = false;
    const events = new Channel<GenerationEvent>({
      capacity: Number.POSITIVE_INFINITY,
      onLeave: () => {
        left = true;
      },
    });
    const send = (event: GenerationEvent) => void events.push(event);
    this.runs.push({
      generation,
      signal,
      get left() {
        return left;
      },
      send,
      answer(...texts) {
        send(startedEvent("", ""));
        for (const [index, text] of texts.entries()) send(textEvent(text, [index]));
        send(finishedEvent(FinishReason.STOP, usageOf(texts.length)));
        events.close();
      },
      fail: (error) => events.fail(error),
      end: () => events.close(),
    });
    return events;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Usage of an answer of so many tokens to a prompt of 3. */
export const usageOf = (completionTokens: number) => ({
  promptTokens: 3,
  completionTokens,
  cachedTokens: 0,
  reasoningTokens: 0,
});

/** Capabilities of a fake model; what is left out it cannot do. */
export type Abilities = Partial<Omit<Capabilities, "$typeName" | "$unknown">>;

/** A served model with 2 slots that can do nothing special, but for what is said. */
export const servedModel = (
  model: string,
  {
    capabilities = {},
    ...init
  }: Partial<Omit<ServedModel, "capabilities" | "$typeName" | "$unknown">> & {
    capabilities?: Abilities;
  } = {},
): ServedModel =>
  create(ServedModelSchema, {
    model,
    engineName: model,
    engine: "synthetic",
    contextLength: 1024,
    slots: 2,
    fingerprint: "f",
    ...init,
    capabilities: create(CapabilitiesSchema, capabilities),
  });

/** Fields of a generation; what is left out is absent. */
export type GenerationInit = Exclude<MessageInitShape<typeof GenerationSchema>, Generation>;

/** A generation that asks `m` one question, but for what is said. */
export const generationOf = (init: GenerationInit = {}): Generation =>
  create(GenerationSchema, {
    id: "gen-1",
    model: "m",
    messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: "What is a mesh?" } }] }],
    ...init,
  });
