import { randomBytes } from "node:crypto";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  type Delta,
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { finishedEvent, textEvent } from "../../events.ts";
import { StopFilter } from "../text/stop-filter.ts";
import type { OllamaToolCall } from "./api.ts";
import type { CallCheck } from "./call-check.ts";
import type { ForcedCall, ForcedCallReader } from "./forced-call.ts";

/** How an answer is to be read. */
export interface ReadingPlan {
  /** For failures. */
  readonly model: string;
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
  readonly #stops: StopFilter;
  readonly #forced: ForcedCallReader | undefined;
  readonly #callIds = new Set<string>();
  /** Everything that must have a form in the end. */
  #formed = "";
  #forcedBegun = false;
  /** Lines with something in them: Ollama sends about one for each token. */
  #pieces = 0;
  #thoughtPieces = 0;

  constructor(plan: ReadingPlan) {
    this.#plan = plan;
    this.#stops = new StopFilter(plan.stop);
    this.#forced = plan.forced?.reader();
  }

  /** The stop text that was met; nothing more is to be read then. */
  get met(): string {
    return this.#stops.met;
  }

  /** What a line shows; a sign of life when it is nothing. */
  take({ text, thinking, toolCalls, logprobs, completionTokens }: AnswerLine): GenerationEvent {
    if (text !== "" || thinking !== "" || toolCalls.length > 0) this.#pieces++;
    if (thinking !== "") this.#thoughtPieces++;
    if (completionTokens !== undefined) this.#pieces = completionTokens;
    const event = textEvent("", []);
    const delta = event.event.value as Delta;
    delta.reasoning = thinking;
    delta.logprobs = logprobs;
    if (this.#forced === undefined) {
      delta.text = this.#stops.push(text);
      if (this.#plan.matches !== undefined) this.#formed += delta.text;
      for (const call of toolCalls) this.#addCall(delta, call);
    } else this.#addForced(delta, this.#forced, text);
    return event;
  }

  /** What was held back, and the end. `promptTokens` as Ollama counts them. */
  *finish(doneReason: string, promptTokens: number): Generator<GenerationEvent> {
    const rest = this.met === "" ? this.#stops.flush() : "";
    if (rest !== "") yield textEvent(rest, []);
    if (this.#plan.matches !== undefined) this.#formed += rest;
    const completionTokens = Math.min(this.#pieces, this.#plan.maxTokens);
    const reason = this.#reason(doneReason);
    if (reason !== FinishReason.LENGTH && this.met === "") this.#checkForm();
    yield finishedEvent(
      reason,
      {
        promptTokens,
        completionTokens,
        cachedTokens: 0,
        reasoningTokens: Math.min(this.#thoughtPieces, completionTokens),
      },
      this.met,
    );
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
