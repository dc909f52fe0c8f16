import {
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
  type ToolCallDelta,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { newId } from "../../http/request-id.ts";
import type { ChatRequest } from "../request/index.ts";
import {
  type AnswerHead,
  lastFingerprint,
  serviceTier,
  toFingerprint,
  toFinishReason,
  toLogprobs,
  toUsage,
} from "./wire.ts";

/** Gathers one answer into a choice of the completion object. */
export class ChoiceCollector {
  readonly #request: ChatRequest;
  #text = "";
  #reasoning = "";
  readonly #calls: { id: string; name: string; arguments: string }[] = [];
  readonly #logprobs: TokenLogprob[] = [];
  #reason: FinishReason = FinishReason.STOP;
  #fingerprint = "";
  #usage: Usage | undefined;

  constructor(request: ChatRequest) {
    this.#request = request;
  }

  /** What the answer took; undefined before its end. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** As the node said it; empty when it did not. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  accept({ event }: GenerationEvent): undefined {
    switch (event.case) {
      case "delta": {
        const { text, reasoning, toolCalls, logprobs } = event.value;
        this.#text += text;
        this.#reasoning += reasoning;
        for (const piece of toolCalls) this.#acceptCall(piece);
        for (const logprob of logprobs) this.#logprobs.push(logprob);
        break;
      }
      case "started":
        this.#fingerprint = event.value.fingerprint;
        break;
      case "finished":
        this.#reason = event.value.reason;
        this.#usage = event.value.usage;
        this.#fingerprint = lastFingerprint(event.value, this.#fingerprint);
    }
  }

  toChoice(index: number): object {
    const { generation, legacyFunctions } = this.#request;
    return {
      index,
      message: this.#toMessage(),
      logprobs: generation.logprobs === undefined ? null : toLogprobs(this.#logprobs),
      finish_reason: toFinishReason(this.#reason, legacyFunctions),
    };
  }

  #toMessage(): object {
    const { includeReasoning, legacyFunctions } = this.#request;
    const reasoning = includeReasoning ? this.#reasoning : "";
    return {
      role: "assistant",
      content: this.#text === "" && this.#calls.length > 0 ? null : this.#text,
      refusal: null,
      annotations: [],
      // Two names, because half of the clients read the one and half the other.
      ...(reasoning === "" ? {} : { reasoning, reasoning_content: reasoning }),
      ...(this.#calls.length === 0 ? {} : legacyFunctions ? this.#toFunctionCall() : this.#toToolCalls()),
    };
  }

  #toToolCalls(): object {
    return {
      tool_calls: this.#calls.map(({ id, name, arguments: text }) => ({
        id,
        type: "function",
        function: { name, arguments: text },
      })),
    };
  }

  #toFunctionCall(): object {
    const { name, arguments: text } = this.#calls[0]!;
    return { function_call: { name, arguments: text } };
  }

  #acceptCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    const call = this.#calls[index];
    if (call !== undefined) call.arguments += argumentsJson;
    else this.#calls.push({ id: id || newId("call_"), name, arguments: argumentsJson });
  }
}

/** The completion object as JSON text. */
export function toCompletion(head: AnswerHead, choices: readonly ChoiceCollector[]): string {
  return JSON.stringify({
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: choices.map((choice, index) => choice.toChoice(index)),
    usage: toUsage(choices.map(({ usage }) => usage)),
    service_tier: serviceTier,
    system_fingerprint: toFingerprint(choices[0]?.fingerprint ?? ""),
  });
}
