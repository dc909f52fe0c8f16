import { randomBytes } from "node:crypto";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { finishedEvent, textEvent } from "../../../../core/generation/events.ts";
import {
  type Delta,
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { StopFilter } from "../text/stop-filter.ts";
import { WrittenAgain } from "../text/written-again.ts";
import type { ForcedCall, ForcedCallReader } from "../upstream/forced-call.ts";
import type { OllamaToolCall } from "./api.ts";
import type { CallCheck } from "./call-check.ts";

/** How an answer is to be read. */
export interface ReadingPlan {
  /** For failures. */
  readonly model: string;
  /** White space that stood before this answer, and that the model may write once more. */
  readonly spaceBefore: string;
  readonly stop: readonly string[];
  readonly maxTokens: number;
  /** Alternatives for each token. */
  readonly topLogprobs: number;
  /** Calls beyond so many are let go. */
  readonly maxCalls: number;
  /** Looks at each call that the model makes of itself. */
  readonly checkCall?: CallCheck;
  /** Set when the text is a call. */
  readonly forced?: ForcedCall;
  /** Whether a whole text, or the whole arguments of the call that is named, has the form that was asked for. */
  readonly matches?: (name: string, text: string) => boolean;
}

/** One line of `/api/chat` or `/api/generate`. */
export interface AnswerLine {
  readonly text: string;
  readonly thinking: string;
  readonly toolCalls: readonly OllamaToolCall[];
  readonly logprobs: TokenLogprob[];
  readonly done: boolean;
  /** Only with `done`: `stop` or `length`; missing from some builds. */
  readonly doneReason: string;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
}

/** Turns the lines of one answer into events. */
export class AnswerReader {
  readonly #plan: ReadingPlan;
  readonly #seam: WrittenAgain;
  readonly #stops: StopFilter;
  readonly #forced: ForcedCallReader | undefined;
  readonly #callIds = new Set<string>();
  /** Everything that must have a form in the end. */
  #formed = "";
  #forcedBegun = false;
  /** Lines with something in them: Ollama sends one for each token that shows, never more. */
  #pieces = 0;
  #thoughtPieces = 0;
  /** Tokens by Ollama's own count; undefined before the last line. */
  #counted: number | undefined;

  constructor(plan: ReadingPlan) {
    this.#plan = plan;
    this.#seam = new WrittenAgain(plan.spaceBefore);
    this.#stops = new StopFilter(plan.stop);
    this.#forced = plan.forced?.reader();
  }

  /** The stop text that was met; nothing more is to be read then. */
  get met(): string {
    return this.#stops.met;
  }

  /**
   * Whether a line is beyond the limit, so that the answer ends before it. Ollama keeps to the limit but where a model
   * thinks before it answers in a form: that is two answers to it, and each may be so long (server/routes.go,
   * structuredOutputsState).
   */
  isBeyondLimit(line: AnswerLine): boolean {
    return !line.done && showsSomething(line) && this.#pieces >= this.#plan.maxTokens;
  }

  /** What a line shows; a sign of life when it is nothing. */
  take(line: AnswerLine): GenerationEvent {
    const { text, thinking, toolCalls, logprobs, completionTokens } = line;
    if (showsSomething(line)) this.#pieces++;
    if (thinking !== "") this.#thoughtPieces++;
    this.#counted ??= completionTokens;
    const event = textEvent("", []);
    const delta = event.event.value as Delta;
    delta.reasoning = thinking;
    const fresh = this.#seam.push(text);
    if (fresh !== "" || text === "") delta.logprobs = logprobs;
    if (this.#forced === undefined) {
      delta.text = this.#stops.push(fresh);
      if (this.#plan.matches !== undefined) this.#formed += delta.text;
      for (const call of toolCalls) this.#addCall(delta, call);
    } else this.#addForced(delta, this.#forced, fresh);
    return event;
  }

  /** What was held back, and the end. `promptTokens` as Ollama counts them. */
  *finish(doneReason: string, promptTokens: number): Generator<GenerationEvent> {
    const rest = this.met === "" ? this.#stops.flush() : "";
    if (rest !== "") yield textEvent(rest, []);
    if (this.#plan.matches !== undefined) this.#formed += rest;
    const completionTokens = Math.min(Math.max(this.#pieces, this.#counted ?? 0), this.#plan.maxTokens);
    const reason = this.#reason(doneReason);
    if (reason !== FinishReason.LENGTH && this.met === "") this.#checkForm();
    yield finishedEvent(
      reason,
      {
        promptTokens: this.#promptTokens(promptTokens),
        completionTokens,
        cachedTokens: 0,
        reasoningTokens: Math.min(this.#thoughtPieces, completionTokens),
      },
      this.met,
    );
  }

  /**
   * Where Ollama counts less than it has shown it has counted the second of two answers alone, to which the thoughts of
   * the first are part of the prompt.
   */
  #promptTokens(counted: number): number {
    const isOfSecond = this.#counted !== undefined && this.#counted < this.#pieces;
    return isOfSecond ? Math.max(1, counted - this.#thoughtPieces) : counted;
  }

  #reason(doneReason: string): FinishReason {
    if (this.met !== "") return FinishReason.STOP;
    if (doneReason === "length") return FinishReason.LENGTH;
    if (doneReason !== "stop" && doneReason !== "")
      throw this.#failed(`ended its answer with \`${doneReason.slice(0, 40)}\` instead of an answer`);
    return this.#forced !== undefined || this.#callIds.size > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
  }

  #checkForm(): void {
    const { matches } = this.#plan;
    const isCall = this.#callIds.size > 0 && this.#forced === undefined;
    if (matches === undefined || isCall || matches(this.#forced?.name ?? "", this.#formed)) return;
    throw this.#failed("did not keep to the form that was asked for");
  }

  #addCall(delta: Delta, { id, function: { name, arguments: given } }: OllamaToolCall): void {
    if (this.#callIds.size >= this.#plan.maxCalls) return;
    const argumentsJson = JSON.stringify(given ?? {});
    this.#plan.checkCall?.(name, argumentsJson);
    const index = this.#callIds.size;
    delta.toolCalls.push(toolCallPiece(index, this.#newId(id ?? ""), name, argumentsJson));
  }

  #addForced(delta: Delta, reader: ForcedCallReader, text: string): void {
    const piece = reader.push(text);
    if (piece === "" || reader.name === undefined) return;
    this.#formed += piece;
    const begins = !this.#forcedBegun;
    this.#forcedBegun = true;
    delta.toolCalls.push(toolCallPiece(0, begins ? this.#newId("") : "", begins ? reader.name : "", piece));
  }

  /** Ollama's own id where it gives one, else one of ours. */
  #newId(given: string): string {
    const id =
      given === "" || this.#callIds.has(given) ? `call_${randomBytes(12).toString("base64url")}` : given;
    this.#callIds.add(id);
    return id;
  }

  #failed(what: string): MeshError {
    return new MeshError("engine_failed", `\`${this.#plan.model}\` ${what}.`);
  }
}

const showsSomething = ({ text, thinking, toolCalls }: AnswerLine): boolean =>
  text !== "" || thinking !== "" || toolCalls.length > 0;

const toolCallPiece = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): Delta["toolCalls"][number] => ({
  $typeName: "cxmpute.generation.v1.ToolCallDelta",
  index,
  id,
  name,
  argumentsJson,
});
