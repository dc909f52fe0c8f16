import { inflateSync } from "node:zlib";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { embeddedEvent, finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import {
  type Delta,
  FinishReason,
  type Generation,
  type GenerationEvent,
  type Message,
  Role,
  ToolChoice_Mode,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../services/inference/engine.ts";
import { probeModel } from "../../../services/inference/probe/probe-model.ts";
import { Trial } from "../../../services/inference/probe/trial.ts";
import { FakeClock } from "../core/fake-clock.ts";
import { type Abilities, servedModel } from "./fake-engine.ts";

/** An answer as a test writes it down. */
export interface Reply {
  readonly tokens?: readonly { readonly id?: number; readonly text: string }[];
  readonly reasoning?: string;
  readonly calls?: readonly { readonly name: string; readonly argumentsJson: string }[];
  readonly embeddings?: readonly number[][];
  /** Alternatives of each token. */
  readonly alternatives?: number;
  readonly reason?: FinishReason;
  readonly promptTokens?: number;
}

/** How a model answers; what it throws, the engine throws. */
export type Replies = (generation: Generation) => Reply | Promise<Reply>;

/** All that can be claimed, with resuming from text. */
export const everything: Abilities = {
  tools: true,
  forcedToolChoice: true,
  jsonObject: true,
  jsonSchema: true,
  logprobs: true,
  seed: true,
  vision: true,
  logitBias: true,
  rawPrompt: true,
  embeddings: true,
  resume: Capabilities_Resume.TEXT,
};

/** An engine whose answers a test writes down. */
export class ScriptedEngine implements Engine {
  serves: ServedModel[];
  replies: Replies;
  /** Thrown by `models` while it is set. */
  away: MeshError | undefined;
  /** Models that are not in memory. */
  readonly unloaded = new Set<string>();
  readonly asked: Generation[] = [];
  closed = false;

  constructor(
    replies: Replies = ableModel,
    serves: ServedModel[] = [servedModel("m", { capabilities: everything })],
  ) {
    this.replies = replies;
    this.serves = serves;
  }

  async models(): Promise<ServedModel[]> {
    if (this.away !== undefined) throw this.away;
    return this.serves;
  }

  isLoaded(model: string): boolean {
    return !this.unloaded.has(model);
  }

  async *generate(generation: Generation, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    this.asked.push(generation);
    signal.throwIfAborted();
    yield* toEvents(await this.replies(generation), generation.limits?.maxTokens ?? 1000);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function* toEvents(reply: Reply, maxTokens: number): Generator<GenerationEvent> {
  const { tokens = [], reasoning = "", calls = [], alternatives = 0 } = reply;
  yield startedEvent("", "f");
  for (const [index, values] of (reply.embeddings ?? []).entries()) yield embeddedEvent(index, values);
  if (reasoning !== "") yield withDelta({ reasoning });
  const given = tokens.slice(0, maxTokens);
  for (const { id, text } of given) {
    const choice = { text, bytes: new TextEncoder().encode(text), logprob: -0.5 };
    const top = Array.from({ length: alternatives }, (_, at) => ({ ...choice, logprob: -0.5 - at }));
    const typed = { token: typedChoice(choice), top: top.map(typedChoice) };
    yield withDelta({
      text,
      tokenIds: id === undefined ? [] : [id],
      logprobs: alternatives === 0 ? [] : [{ $typeName: "cxmpute.generation.v1.TokenLogprob", ...typed }],
    });
  }
  for (const [index, call] of calls.entries())
    yield withDelta({
      toolCalls: [{ $typeName: "cxmpute.generation.v1.ToolCallDelta", index, id: `call-${index}`, ...call }],
    });
  const ending =
    given.length < tokens.length
      ? FinishReason.LENGTH
      : calls.length > 0
        ? FinishReason.TOOL_CALLS
        : FinishReason.STOP;
  yield finishedEvent(reply.reason ?? ending, {
    promptTokens: reply.promptTokens ?? 12,
    completionTokens: given.length,
    cachedTokens: 0,
    reasoningTokens: 0,
  });
}

const typedChoice = (choice: { text: string; bytes: Uint8Array<ArrayBuffer>; logprob: number }) => ({
  $typeName: "cxmpute.generation.v1.TokenChoice" as const,
  ...choice,
});

function withDelta(fields: Partial<Delta>): GenerationEvent {
  const event = textEvent("", []);
  if (event.event.case === "delta") Object.assign(event.event.value, fields);
  return event;
}

const story = "Once a small fox found a lamp and it told him where the sea begins and ends".split(" ");

/** Words as tokens, each with an id. */
export const words = (texts: readonly string[], from = 0): { id: number; text: string }[] =>
  texts.map((text, index) => ({ id: 100 + from + index, text: from + index === 0 ? text : ` ${text}` }));

/** A model that can do everything, as an engine with every ability would have it answer. */
export function ableModel(generation: Generation): Reply {
  const { messages, tools, toolChoice, outputFormat, sampling, rawPrompt, embedding, resume } = generation;
  if (embedding !== undefined)
    return {
      embeddings: embedding.inputs.map((_, index) => (index === 0 ? [0.6, 0.8] : [0.8, 0.6])),
      promptTokens: 5,
    };
  if (rawPrompt?.prompt.case === "tokens")
    return { tokens: words(story), promptTokens: rawPrompt.prompt.value.ids.length };
  if (rawPrompt !== undefined) return { tokens: words(story), promptTokens: 4 };
  const text = textOf(messages.at(-1));
  if (text.length > 2 * 1024)
    throw new MeshError("invalid_request", "This model's maximum context length is 1024 tokens.", {
      code: "context_length_exceeded",
      param: "messages",
    });
  const { format } = outputFormat ?? {};
  if (format?.case === "jsonObject") return { tokens: [{ text: '{"fruit": "fig"}' }] };
  if (format?.case === "jsonSchema")
    return { tokens: [{ text: JSON.stringify(exampleOf(JSON.parse(format.value.schemaJson))) }] };
  if (toolChoice?.mode === ToolChoice_Mode.REQUIRED) return call(toolChoice.allowedNames[0] ?? "get_time");
  if (tools.length > 0 && messages.at(-1)?.role === Role.USER) return call("get_weather");
  const [token] = Object.keys(sampling?.logitBias ?? {});
  if (token !== undefined) return { tokens: words(Array.from({ length: 4 }, () => `<${token}>`)) };
  if (sampling?.seed !== undefined) return { tokens: words([...story, String(sampling.seed)].reverse()) };
  const picture = messages.at(-1)?.parts.find(({ part }) => part.case === "image")?.part.value;
  if (picture !== undefined && typeof picture !== "string")
    return { tokens: [{ text: colourOf(picture.data) }] };
  const resumed = resume?.tokenIds.length || (resume?.text.split(" ").filter(Boolean).length ?? 0);
  return {
    tokens: words(story.slice(resumed), resumed),
    alternatives: generation.logprobs?.top ?? 0,
  };
}

/** A call that fits what the function declares. */
export const call = (
  name: string,
  argumentsJson = name === "get_weather" ? '{"city":"Oslo"}' : "{}",
): Reply => ({
  calls: [{ name, argumentsJson }],
});

const textOf = (message: Message | undefined): string =>
  message?.parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("") ?? "";

/** The simplest value that a schema of constants and objects allows. */
function exampleOf(schema: { enum?: unknown[]; properties?: Record<string, object> }): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  const properties = Object.entries(schema.properties ?? {});
  return Object.fromEntries(properties.map(([name, inner]) => [name, exampleOf(inner)]));
}

/** Reads a PNG of one piece back, as a decoder would, and names the colour of its last pixel. */
export function colourOf(png: Uint8Array): string {
  const bytes = Buffer.from(png);
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString("ascii", at + 4, at + 8) !== "IDAT") continue;
    const pixels = inflateSync(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
    const [red = 0, , blue = 0] = pixels.subarray(-3);
    return red > blue ? "Red." : "Blue.";
  }
  return "Nothing.";
}

/** What a round of probes finds on a model that claims everything and answers like this. */
export async function find(replies: Replies, claims = everything) {
  const served = servedModel("m", { capabilities: claims });
  const engine = new ScriptedEngine(replies, [served]);
  const trial = new Trial({
    served,
    generate: (generation, signal) => engine.generate(generation, signal),
    clock: new FakeClock(),
    signal: new AbortController().signal,
    requireSlot: () => {},
  });
  return { engine, findings: await probeModel(trial, new Map()) };
}
