import {
  type Caller,
  FinishReason,
  type Generation,
  type GenerationEvent,
  type TokenLogprob,
  type ToolCallDelta,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { newId } from "../http/request-context.ts";
import type { AnswerWriter } from "./read-answer.ts";
import { lastFingerprint } from "./wire.ts";

// Several answers to one request, as chat completions and legacy completions return them.

/**
 * One generation for each choice. They share everything but the id and the seed: with the same seed, all choices
 * would be equal. A single generation has the id `id`; of several, each appends its index.
 */
export function fanOut(generation: Generation, choices: number, id: string, caller: Caller): Generation[] {
  // Mutated, because nothing else refers to it yet and a copy takes 3 µs.
  generation.caller = caller;
  generation.id = id;
  if (choices === 1) return [generation];
  return Array.from({ length: choices }, (_, index) => ({
    ...generation,
    id: `${id}-${index}`,
    sampling: withSeedOf(generation.sampling, index),
  }));
}

function withSeedOf<S extends Generation["sampling"]>(sampling: S, index: number): S {
  if (index === 0 || sampling?.seed === undefined) return sampling;
  return { ...sampling, seed: BigInt.asIntN(64, sampling.seed + BigInt(index)) };
}

/** Collects the events of one choice. */
export class ChoiceCollector implements AnswerWriter {
  text = "";
  reasoning = "";
  readonly calls: { readonly id: string; readonly function: { name: string; arguments: string } }[] = [];
  readonly logprobs: TokenLogprob[] = [];
  reason: FinishReason = FinishReason.STOP;
  usage: Usage | undefined;
  fingerprint = "";

  accept({ event }: GenerationEvent): undefined {
    switch (event.case) {
      case "delta": {
        const { text, reasoning, toolCalls, logprobs } = event.value;
        this.text += text;
        this.reasoning += reasoning;
        for (const piece of toolCalls) this.#acceptCall(piece);
        for (const logprob of logprobs) this.logprobs.push(logprob);
        break;
      }
      case "started":
        this.fingerprint = event.value.fingerprint;
        break;
      case "finished":
        this.reason = event.value.reason;
        this.usage = event.value.usage;
        this.fingerprint = lastFingerprint(event.value, this.fingerprint);
    }
  }

  #acceptCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    const call = this.calls[index];
    if (call !== undefined) call.function.arguments += argumentsJson;
    else this.calls.push({ id: id || newId("call_"), function: { name, arguments: argumentsJson } });
  }
}
