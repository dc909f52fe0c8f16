import type { Delta, GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { EncodedEvent } from "./encoded-event.ts";

/** Events made by `mergeEvents`, which may grow in place, because nothing else holds them. */
const merged = new WeakSet<GenerationEvent>();

/** Two consecutive deltas as one, if both have only text, reasoning, token ids or log probabilities; else undefined. */
export function mergeEvents(last: GenerationEvent, next: GenerationEvent): GenerationEvent | undefined {
  if (last.event.case !== "delta" || next.event.case !== "delta") return undefined;
  const a = last.event.value;
  const b = next.event.value;
  if (a.toolCalls.length > 0 || b.toolCalls.length > 0) return undefined;
  // Text and reasoning in one delta have no order, so a change between them needs two.
  if ((a.text !== "" && b.reasoning !== "") || (a.reasoning !== "" && b.text !== "")) return undefined;
  if (merged.has(last)) {
    a.text += b.text;
    a.reasoning += b.reasoning;
    for (const id of b.tokenIds) a.tokenIds.push(id);
    for (const logprob of b.logprobs) a.logprobs.push(logprob);
    return last;
  }
  const value: Delta = {
    $typeName: "cxmpute.generation.v1.Delta",
    text: a.text + b.text,
    reasoning: a.reasoning + b.reasoning,
    tokenIds: [...a.tokenIds, ...b.tokenIds],
    toolCalls: [],
    logprobs: [...a.logprobs, ...b.logprobs],
  };
  const event: GenerationEvent = {
    $typeName: "cxmpute.generation.v1.GenerationEvent",
    event: { case: "delta", value },
  };
  merged.add(event);
  return event;
}

/** Roughly the size of an event in memory, in bytes; at least 1. */
export function sizeOfEvent(encodedOrNot: GenerationEvent): number {
  if (encodedOrNot instanceof EncodedEvent) return 1 + encodedOrNot.byteLength;
  const { event } = encodedOrNot;
  if (event.case === "embedded") return 1 + 4 * event.value.values.length;
  if (event.case !== "delta") return 1;
  const { text, reasoning, tokenIds, toolCalls, logprobs } = event.value;
  let size = 1 + text.length + reasoning.length + 4 * tokenIds.length;
  for (const call of toolCalls) size += 16 + call.id.length + call.name.length + call.argumentsJson.length;
  for (const { top } of logprobs) size += 64 * (1 + top.length);
  return size;
}
