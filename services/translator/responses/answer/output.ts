import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { plainTextOf } from "../../../../core/relay/encoded-event.ts";
import {
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
  type ToolCallDelta,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerWriter } from "../../answers/read-answer.ts";
import { type Described, toTokenLogprob } from "../../answers/wire.ts";
import { newId } from "../../http/request-context.ts";
import type { ItemStatus, logprobs, OutputItem } from "../items.ts";

/** The kinds of output items: text, reasoning shown openly or as a summary, a call. */
export type ItemKind = "text" | "reasoning" | "summary" | "call";

/** The log probability of a token, as a text item has it. */
export type Logprob = Described<typeof logprobs>[number];

export interface OpenItem {
  readonly kind: ItemKind;
  readonly id: string;
  readonly index: number;
  /** The content so far: text, reasoning, or a call's arguments as JSON text. */
  text: string;
  /** One for each token, where requested. */
  readonly logprobs: Logprob[];
  /** Empty for everything but calls. */
  readonly name: string;
  readonly callId: string;
}

/** Observes the output. For each item in order: `added`, any number of `delta`, `done`. */
export interface OutputObserver {
  added(open: OpenItem): void;
  delta(open: OpenItem, text: string, logprobs: readonly Logprob[]): void;
  done(open: OpenItem, item: OutputItem): void;
}

/** Ignores everything. */
export const unobserved: OutputObserver = { added() {}, delta() {}, done() {} };

/** Collects the events of one answer into output items. */
export class Output implements AnswerWriter {
  reason: FinishReason = FinishReason.UNSPECIFIED;
  usage: Usage | undefined;
  readonly #reasoningKind: "reasoning" | "summary";
  readonly #observer: OutputObserver;
  readonly #done: OutputItem[] = [];
  #open: OpenItem | undefined;
  /** Of tokens without text so far; they belong to the next text. */
  #heldLogprobs: Logprob[] = [];
  #calls = 0;

  constructor(summarizes: boolean, observer: OutputObserver) {
    this.#reasoningKind = summarizes ? "summary" : "reasoning";
    this.#observer = observer;
  }

  /** The items so far; an open one is incomplete. */
  get items(): readonly OutputItem[] {
    return this.#open === undefined ? this.#done : [...this.#done, toItem(this.#open, "incomplete")];
  }

  accept(encoded: GenerationEvent): undefined {
    const open = this.#open;
    if (open?.kind === "text") {
      const text = plainTextOf(encoded);
      if (text !== undefined) {
        if (text !== "") this.#add(open, text);
        return;
      }
    }
    const { event } = encoded;
    if (event.case === "delta") {
      const { text, reasoning, toolCalls, logprobs } = event.value;
      if (reasoning !== "") this.#add(this.#openAs(this.#reasoningKind), reasoning);
      if (text !== "" || logprobs.length > 0) this.#addText(text, logprobs);
      for (const piece of toolCalls) this.#addCall(piece);
    } else if (event.case === "finished") {
      this.reason = event.value.reason;
      this.usage = event.value.usage;
      this.#end();
    }
  }

  #addText(text: string, logprobs: readonly TokenLogprob[]): void {
    const shown = logprobs.map(toTokenLogprob);
    // Tokens without text do not start a message: a call may follow.
    if (text === "" && this.#open?.kind !== "text") {
      this.#heldLogprobs.push(...shown);
      return;
    }
    const open = this.#openAs("text");
    this.#add(open, text, [...this.#heldLogprobs.splice(0), ...shown]);
  }

  #addCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    if (index === this.#calls) {
      this.#calls++;
      // The held tokens belong to the call.
      this.#heldLogprobs = [];
      this.#start("call", name, id || newId("call_"));
    }
    const open = this.#open;
    if (open?.kind !== "call" || index !== this.#calls - 1)
      throw new MeshError("engine_failed", "The engine returned to a tool call that it had already ended.");
    if (argumentsJson !== "") this.#add(open, argumentsJson);
  }

  #add(open: OpenItem, text: string, logprobs: readonly Logprob[] = noLogprobs): void {
    open.text += text;
    for (const logprob of logprobs) open.logprobs.push(logprob);
    this.#observer.delta(open, text, logprobs);
  }

  #openAs(kind: ItemKind): OpenItem {
    return this.#open?.kind === kind ? this.#open : this.#start(kind);
  }

  #start(kind: ItemKind, name = "", callId = ""): OpenItem {
    this.#close("completed");
    const index = this.#done.length;
    const open: OpenItem = { kind, id: newId(prefixes[kind]), index, text: "", logprobs: [], name, callId };
    this.#open = open;
    this.#observer.added(open);
    return open;
  }

  #end(): void {
    // An empty answer is an empty message.
    if (this.#open === undefined) this.#start("text");
    this.#close(isIncomplete(this.reason) ? "incomplete" : "completed");
  }

  #close(status: ItemStatus): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const item = toItem(open, status);
    this.#done.push(item);
    this.#observer.done(open, item);
  }
}

/** Whether an answer was cut off. */
export const isIncomplete = (reason: FinishReason): boolean =>
  reason === FinishReason.LENGTH || reason === FinishReason.CONTENT_FILTER;

/** The item as generated so far; without its text while that is in progress. */
export function toItem({ kind, id, text, logprobs, callId, name }: OpenItem, status: ItemStatus): OutputItem {
  const unlessOpen = <Part>(part: Part): Part[] => (status === "in_progress" ? [] : [part]);
  switch (kind) {
    case "text": {
      const content = unlessOpen(toOutputText(text, logprobs));
      return { id, type: "message", status, content, role: "assistant" };
    }
    case "reasoning":
      return { id, type: "reasoning", status, summary: [], content: unlessOpen(toReasoningText(text)) };
    case "summary":
      return { id, type: "reasoning", status, summary: unlessOpen(toSummaryText(text)) };
    case "call":
      return { id, type: "function_call", status, arguments: text, call_id: callId, name };
  }
}

export const toOutputText = (text: string, logprobs: readonly Logprob[]) =>
  ({ type: "output_text", annotations: [], logprobs, text }) as const;

export const toReasoningText = (text: string) => ({ type: "reasoning_text", text }) as const;

export const toSummaryText = (text: string) => ({ type: "summary_text", text }) as const;

const prefixes: Readonly<Record<ItemKind, string>> = {
  text: "msg_",
  reasoning: "rs_",
  summary: "rs_",
  call: "fc_",
};

const noLogprobs: readonly Logprob[] = [];
