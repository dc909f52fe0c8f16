import type { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { finishedEvent, textEvent } from "../../../../core/generation/events.ts";
import {
  type Delta,
  FinishReason,
  type Generation,
  type GenerationEvent,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { OverlapTrimmer } from "../text/overlap-trimmer.ts";
import { StopFilter } from "../text/stop-filter.ts";
import { newCallId, toolCallDelta } from "../tools/tool-use.ts";
import type { ForcedCall, ForcedCallReader } from "../upstream/forced-call.ts";
import type { Matches } from "../upstream/held-schema.ts";
import { readTokenLogprob } from "../upstream/logprobs.ts";
import type { answerLineSchema, OllamaToolCall } from "./api.ts";

/** How to read the answer to a request. */
export interface ReadingPlan {
  /** White space before this answer that the model may repeat. */
  readonly spaceBefore: string;
  /** Further calls are dropped. */
  readonly maxCalls: number;
  /** The functions that may be called; where arguments must match, with their check. */
  readonly callable: ReadonlyMap<string, Matches | undefined>;
  readonly forced?: ForcedCall;
  /** The check of a text that must have a form. */
  readonly matches?: Matches | undefined;
}

export class LineReader {
  readonly #plan: ReadingPlan;
  readonly #model: string;
  readonly #maxTokens: number;
  readonly #overlap: OverlapTrimmer;
  readonly #stops: StopFilter;
  readonly #forced: ForcedCallReader | undefined;
  readonly #callIds = new Set<string>();
  #formed = "";
  /** Non-empty lines, at most one per token. */
  #pieces = 0;
  #reasoningPieces = 0;
  /** Ollama's own count; undefined before the last line. */
  #counted: number | undefined;

  constructor({ model, limits }: Generation, plan: ReadingPlan) {
    this.#plan = plan;
    this.#model = model;
    this.#maxTokens = limits?.maxTokens ?? Number.POSITIVE_INFINITY;
    this.#overlap = new OverlapTrimmer(plan.spaceBefore);
    this.#stops = new StopFilter(limits?.stop ?? []);
    this.#forced = plan.forced?.reader();
  }

  /** The stop text that was met, which ends reading. */
  get met(): string {
    return this.#stops.met;
  }

  /**
   * Whether a line exceeds the limit, so that the answer ends before it. To Ollama, reasoning and the formatted answer
   * after it are two answers, each up to the limit (server/routes.go, structuredOutputsState).
   */
  isBeyondLimit(line: AnswerLine): boolean {
    return !line.done && showsSomething(line) && this.#pieces >= this.#maxTokens;
  }

  /** The event of a line; a sign of life when it is empty. */
  take(line: AnswerLine): GenerationEvent {
    const { text, thinking, toolCalls, logprobs, completionTokens } = line;
    if (showsSomething(line)) this.#pieces++;
    if (thinking !== "") this.#reasoningPieces++;
    this.#counted ??= completionTokens;
    const event = textEvent("", []);
    const delta = event.event.value as Delta;
    delta.reasoning = thinking;
    const fresh = this.#overlap.push(text);
    if (fresh !== "" || text === "") delta.logprobs = logprobs;
    if (this.#forced === undefined) {
      delta.text = this.#stops.push(fresh);
      if (this.#plan.matches !== undefined) this.#formed += delta.text;
      for (const call of toolCalls) this.#addCall(delta, call);
    } else this.#addForced(delta, this.#forced, fresh);
    return event;
  }

  /** Held back text and the end. `promptTokens` as counted by Ollama. */
  *finish(doneReason: string, promptTokens: number): Generator<GenerationEvent> {
    const rest = this.met === "" ? this.#stops.flush() : "";
    if (rest !== "") yield textEvent(rest, []);
    if (this.#plan.matches !== undefined) this.#formed += rest;
    const completionTokens = Math.min(Math.max(this.#pieces, this.#counted ?? 0), this.#maxTokens);
    const reason = this.#reason(doneReason);
    if (reason !== FinishReason.LENGTH && this.met === "") this.#checkForm();
    yield finishedEvent(
      reason,
      {
        promptTokens: this.#promptTokens(promptTokens),
        completionTokens,
        cachedTokens: 0,
        reasoningTokens: Math.min(this.#reasoningPieces, completionTokens),
      },
      this.met,
    );
  }

  /** A count below the tokens shown is of a second answer, whose prompt includes the reasoning of the first. */
  #promptTokens(counted: number): number {
    const isOfSecond = this.#counted !== undefined && this.#counted < this.#pieces;
    return isOfSecond ? Math.max(1, counted - this.#reasoningPieces) : counted;
  }

  #reason(doneReason: string): FinishReason {
    if (this.met !== "") return FinishReason.STOP;
    if (doneReason === "length") return FinishReason.LENGTH;
    if (doneReason !== "stop" && doneReason !== "")
      throw this.#failed(`ended its answer with \`${doneReason.slice(0, 40)}\` instead of an answer`);
    return this.#forced !== undefined || this.#callIds.size > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
  }

  #checkForm(): void {
    const { callable, matches } = this.#plan;
    const isKept =
      this.#forced === undefined
        ? this.#callIds.size > 0 || (matches?.(this.#formed) ?? true)
        : callable.get(this.#forced.name ?? "")?.(this.#formed);
    if (isKept !== true) throw this.#failed("did not keep to the form that was asked for");
  }

  #addCall(delta: Delta, { id, function: { name, arguments: given } }: OllamaToolCall): void {
    const { callable, maxCalls } = this.#plan;
    const index = this.#callIds.size;
    if (index >= maxCalls) return;
    const argumentsJson = JSON.stringify(given ?? {});
    if (!callable.has(name))
      throw this.#failed("called a function that it may not call here, or that does not exist");
    if (callable.get(name)?.(argumentsJson) === false)
      throw this.#failed(`called \`${name}\` with arguments that do not match its strict schema`);
    delta.toolCalls.push(toolCallDelta(index, this.#newId(id ?? ""), name, argumentsJson));
  }

  #addForced(delta: Delta, reader: ForcedCallReader, text: string): void {
    const piece = reader.push(text);
    if (piece === undefined) return;
    const { name, argumentsJson } = piece;
    this.#formed += argumentsJson;
    delta.toolCalls.push(toolCallDelta(0, name === "" ? "" : this.#newId(""), name, argumentsJson));
  }

  /** Ollama's id, if there is one. */
  #newId(given: string): string {
    const id = given === "" || this.#callIds.has(given) ? newCallId() : given;
    this.#callIds.add(id);
    return id;
  }

  #failed(what: string): MeshError {
    return new MeshError("engine_failed", `\`${this.#model}\` ${what}.`);
  }
}

const showsSomething = ({ text, thinking, toolCalls }: AnswerLine): boolean =>
  text !== "" || thinking !== "" || toolCalls.length > 0;

/** A line of either endpoint, normalized. */
export const toAnswerLine = (line: z.infer<typeof answerLineSchema>, topLogprobs: number) => ({
  text: line.message?.content ?? line.response ?? "",
  thinking: line.message?.thinking ?? line.thinking ?? "",
  toolCalls: line.message?.tool_calls ?? [],
  logprobs: (line.logprobs ?? []).map((logprob) => readTokenLogprob(logprob, topLogprobs)),
  done: line.done,
  /** With `done`: `stop` or `length`; missing from some builds. */
  doneReason: line.done_reason ?? "",
  promptTokens: line.prompt_eval_count ?? undefined,
  completionTokens: line.eval_count ?? undefined,
});

type AnswerLine = ReturnType<typeof toAnswerLine>;
