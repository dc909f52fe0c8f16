import {
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { lastFingerprint, toFinishReason } from "../chat/answer/wire.ts";
import { LogprobsWriter } from "./logprobs.ts";

/** Gathers one answer into a choice of the completion. */
export class ChoiceCollector {
  /** What the answer took; undefined before its end. */
  usage: Usage | undefined;
  /** As the node said it; empty when it did not. */
  fingerprint = "";
  readonly #wantsLogprobs: boolean;
  readonly #logprobs: TokenLogprob[] = [];
  #text: string;
  #reason: FinishReason = FinishReason.STOP;

  /** `echo`: what the text begins with. */
  constructor(echo: string, wantsLogprobs: boolean) {
    this.#text = echo;
    this.#wantsLogprobs = wantsLogprobs;
  }

  accept({ event }: GenerationEvent): undefined {
    switch (event.case) {
      case "delta":
        this.#text += event.value.text;
        for (const logprob of event.value.logprobs) this.#logprobs.push(logprob);
        break;
      case "started":
        this.fingerprint = event.value.fingerprint;
        break;
      case "finished":
        this.#reason = event.value.reason;
        this.usage = event.value.usage;
        this.fingerprint = lastFingerprint(event.value, this.fingerprint);
    }
  }

  toChoice(index: number): object {
    return {
      text: this.#text,
      index,
      logprobs: this.#wantsLogprobs ? new LogprobsWriter().write(this.#logprobs) : null,
      finish_reason: toFinishReason(this.#reason, false),
    };
  }
}
