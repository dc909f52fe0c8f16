import type { MeshError } from "../../../../../core/errors/mesh-error.ts";
import { finishedEvent } from "../../../../../core/generation/events.ts";
import { parseJson } from "../../../../../core/json.ts";
import * as proto from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { SchemaError } from "../../gbnf/index.ts";
import { OverlapTrimmer } from "../../text/overlap-trimmer.ts";
import { StopFilter } from "../../text/stop-filter.ts";
import type { ForcedCallReader } from "../../upstream/forced-call.ts";
import { toMatcher } from "../../upstream/held-schema.ts";
import { members } from "../../upstream/json.ts";
import { engineFailed } from "../connection.ts";
import type { Job } from "../job.ts";
import { callableTools } from "../request/forms.ts";
import { CallAssembler, type MadeCall } from "./call-assembler.ts";
import { type Chunk, readChunk } from "./chunk.ts";
import { UsageCounter } from "./usage-counter.ts";

/**
 * Makes the mesh's events out of a stream's chunks; one that ends open, without `[DONE]`, was cut off:
 *     open ──finish reason──▶ closing ──usage, [DONE] or the end──▶ over
 *       └──stop text met, which the server does not know of────────▶──┘
 */
export class ChunkReader {
  readonly #job: Job;
  readonly #overlap: OverlapTrimmer;
  readonly #forced: ForcedCallReader | undefined;
  readonly #stops: StopFilter;
  readonly #calls: CallAssembler;
  readonly #usage: UsageCounter;
  readonly #callable: ReadonlySet<string>;
  readonly #text = new WholeCharacters();
  readonly #reasoning = new WholeCharacters();
  /** The text so far, where its form is checked. */
  #written = "";
  #reason: proto.FinishReason | undefined;
  #isOver = false;
  #isBeyondLimit = false;
  #hasShown = false;

  constructor(job: Job) {
    const { generation, partial, forced, server } = job;
    this.#job = job;
    this.#overlap = new OverlapTrimmer(partial?.again ?? "", partial?.sent);
    this.#forced = forced?.reader();
    this.#stops = new StopFilter(generation.limits?.stop ?? []);
    this.#calls = new CallAssembler(generation.parallelToolCalls === false ? 1 : Number.POSITIVE_INFINITY);
    this.#usage = new UsageCounter(generation, server.caching.mayReport(server.traits, generation));
    this.#callable = new Set(callableTools(generation).map(({ name }) => name));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** True when a stop text was met, or the limit of tokens: the server does not know and continues. */
  get isCut(): boolean {
    return this.#stops.hit || this.#isBeyondLimit;
  }

  /** True when only usage can follow. */
  get isClosing(): boolean {
    return this.#reason !== undefined;
  }

  /** The events of a chunk. Throws `engine_failed`. */
  push(value: unknown): proto.GenerationEvent[] {
    const chunk = this.#fresh(readChunk(value));
    if (this.#usage.isBeyondLimit(chunk)) {
      this.#isBeyondLimit = true;
      return this.#end(proto.FinishReason.LENGTH);
    }
    this.#usage.push(chunk);
    if (chunk.finishReason !== "") this.#reason = this.#readReason(chunk.finishReason);
    const events = this.#readDelta(chunk);
    if (this.#stops.hit) events.push(this.#finish(proto.FinishReason.STOP));
    else if (this.#reason !== undefined && members(chunk.members.usage).completion_tokens !== undefined)
      events.push(...this.#end(this.#reason));
    return events;
  }

  /** The remaining events once the stream is done, or has ended. Throws `engine_failed`. */
  end(isDone: boolean): proto.GenerationEvent[] {
    if (this.#reason !== undefined) return this.#end(this.#reason);
    throw this.#failed(
      isDone ? "ended its answer without a finish reason" : "broke off in the middle of an answer",
    );
  }

  /** The chunk without what the caller already has; of a forced call, its text is the call. */
  #fresh(chunk: Chunk): Chunk {
    const text = this.#overlap.push(chunk.text);
    const logprobs = text === "" && chunk.text !== "" ? [] : chunk.logprobs;
    if (this.#forced === undefined) return { ...chunk, text, logprobs };
    const piece = this.#forced.push(text);
    const calls = piece === undefined ? [] : [{ index: 0, id: "", ...piece }];
    return { ...chunk, text: "", calls, logprobs };
  }

  #readDelta(chunk: Chunk): proto.GenerationEvent[] {
    const toolCalls = this.#calls.push(chunk.calls);
    if (toolCalls.some(({ name }) => name !== "" && !this.#callable.has(name)))
      throw this.#failed("called a function that it was not given");
    let text = this.#stops.push(this.#text.push(chunk.text));
    // Stop texts do not span calls.
    if (toolCalls.length > 0 && !this.#stops.hit) text += this.#stops.flush();
    const { outputFormat, logprobs: wanted } = this.#job.generation;
    if (outputFormat !== undefined) this.#written += text;
    const logprobs =
      wanted === undefined
        ? []
        : chunk.logprobs.map((entry) => ({ ...entry, top: entry.top.slice(0, wanted.top) }));
    const reasoning = this.#reasoning.push(chunk.reasoning);
    this.#hasShown ||= text !== "" || reasoning !== "" || toolCalls.length > 0;
    return toDelta(text, reasoning, this.#stops.hit ? [] : toolCalls, logprobs);
  }

  #end(reason: proto.FinishReason): proto.GenerationEvent[] {
    const rest = this.#stops.flush();
    this.#written += rest;
    const events = toDelta(rest, "", this.#calls.end(), []);
    return [...events, this.#finish(reason)];
  }

  #finish(given: proto.FinishReason): proto.GenerationEvent {
    this.#isOver = true;
    if (given === proto.FinishReason.STOP && !this.#hasShown && !this.#stops.hit && this.#usage.isEmptyClaim)
      throw this.#failed("finished an answer of which it had sent nothing");
    const isOwnEnd = given === proto.FinishReason.STOP || given === proto.FinishReason.TOOL_CALLS;
    if (isOwnEnd && !this.#stops.hit) this.#checkForm();
    // Servers send `stop` after calls, or `tool_calls` without one.
    const hasCalls = this.#calls.opened.length > 0 && !this.#stops.hit;
    const ownReason = hasCalls ? proto.FinishReason.TOOL_CALLS : proto.FinishReason.STOP;
    const reason = isOwnEnd ? ownReason : given;
    return finishedEvent(reason, this.#usage.usage(reason), this.#stops.met);
  }

  /** A complete answer has the requested form, or is a failure. */
  #checkForm(): void {
    const { generation, server } = this.#job;
    const calls = this.#calls.opened;
    const isRequired = generation.toolChoice?.mode === proto.ToolChoice_Mode.REQUIRED;
    if (isRequired && this.#callable.size > 0 && calls.length === 0) {
      server.unforced.add(generation.model);
      throw this.#failed("answered without the call that it was required to make");
    }
    const isBroken = calls.some(({ argumentsJson }) => parseJson(argumentsJson) === undefined);
    if (this.#forced !== undefined && isBroken)
      throw this.#failed("made a call whose arguments are not JSON");
    const fault = formFault(generation, this.#written, calls);
    if (fault !== undefined) throw this.#failed(fault);
  }

  #readReason(written: string): proto.FinishReason {
    const reason = reasons[written];
    if (reason === undefined) throw this.#failed("ended its answer for an unknown reason");
    return reason;
  }

  #failed(what: string): MeshError {
    return engineFailed(this.#job, what);
  }
}

/** Completes "the engine …" where an answer misses its form, which some servers ignore; else undefined. */
function formFault(
  { outputFormat, tools }: proto.Generation,
  text: string,
  calls: readonly MadeCall[],
): string | undefined {
  for (const { name, argumentsJson } of calls) {
    const tool = tools.find((known) => known.name === name);
    if (tool?.strict === true && !keepsTo(tool.parametersJson || anyObject, argumentsJson))
      return `called \`${name}\` with arguments that do not match its strict schema`;
  }
  // Only answers without calls have a form.
  if (calls.length > 0 || outputFormat?.format.case === undefined) return undefined;
  if (parseJson(text) === undefined) return "answered with text that is not the JSON that it was asked for";
  const { format } = outputFormat;
  return format.case === "jsonSchema" && format.value.strict && !keepsTo(format.value.schemaJson, text)
    ? "answered with JSON that does not match the schema that it was held to"
    : undefined;
}

const anyObject = '{"type":"object"}';

function keepsTo(schemaJson: string, text: string): boolean {
  try {
    return toMatcher(parseJson(schemaJson))(text);
  } catch (error) {
    if (error instanceof SchemaError) return true;
    throw error;
  }
}

/** Finish reasons of OpenAI, TGI, Mistral and Anthropic. All others (`error`, `abort`) are failures. */
const reasons: Readonly<Record<string, proto.FinishReason>> = {
  stop: proto.FinishReason.STOP,
  eos_token: proto.FinishReason.STOP,
  stop_sequence: proto.FinishReason.STOP,
  end_turn: proto.FinishReason.STOP,
  length: proto.FinishReason.LENGTH,
  model_length: proto.FinishReason.LENGTH,
  tool_calls: proto.FinishReason.TOOL_CALLS,
  function_call: proto.FinishReason.TOOL_CALLS,
  content_filter: proto.FinishReason.CONTENT_FILTER,
};

function toDelta(
  text: string,
  reasoning: string,
  toolCalls: proto.ToolCallDelta[],
  logprobs: proto.TokenLogprob[],
): proto.GenerationEvent[] {
  if (text === "" && reasoning === "" && toolCalls.length === 0 && logprobs.length === 0) return [];
  const value = { ...emptyDelta, tokenIds: [], text, reasoning, toolCalls, logprobs };
  return [{ $typeName: "cxmpute.generation.v1.GenerationEvent", event: { case: "delta", value } }];
}

const emptyDelta = { $typeName: "cxmpute.generation.v1.Delta" } as const;

/** Holds back half a surrogate pair until its other half arrives. */
class WholeCharacters {
  #held = "";

  push(text: string): string {
    if (text === "") return "";
    const all = this.#held + text;
    const end = isHighSurrogate(all.charCodeAt(all.length - 1)) ? all.length - 1 : all.length;
    this.#held = all.slice(end);
    return all.slice(0, end);
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
