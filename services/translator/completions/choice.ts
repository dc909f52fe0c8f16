import {
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Described } from "../answers/schema.ts";
import { type AnswerHead, lastFingerprint, toFinishReason } from "../answers/wire.ts";
import type { CompletionRequest } from "./request.ts";
import { type completion, echoOf, LogprobsWriter, toHead, toTotalUsage } from "./wire.ts";

type Completion = Described<typeof completion>;

/** Collects one answer into a choice of the completion. */
export class ChoiceCollector {
  /** Undefined before the end. */
  usage: Usage | undefined;
  fingerprint = "";
  readonly #wantsLogprobs: boolean;
  readonly #logprobs: TokenLogprob[] = [];
  #text: string;
  #reason: FinishReason = FinishReason.STOP;

  constructor(request: CompletionRequest, index: number) {
    this.#text = echoOf(request, index);
    this.#wantsLogprobs = request.logprobs;
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

  toChoice(index: number): Completion["choices"][number] {
    return {
      text: this.#text,
      index,
      logprobs: this.#wantsLogprobs ? new LogprobsWriter().write(this.#logprobs) : null,
      finish_reason: toFinishReason(this.#reason, false),
    };
  }
}

/** The completion object as JSON text; `choices`: answers per prompt. */
export const toCompletion = (
  head: AnswerHead,
  collectors: readonly ChoiceCollector[],
  choices: number,
): string => {
  const whole: Completion = {
    ...toHead(head, collectors[0]!.fingerprint),
    choices: collectors.map((collector, index) => collector.toChoice(index)),
    usage: toTotalUsage(collectors, choices),
  };
  return JSON.stringify(whole);
};
