import { embeddedEvent, finishedEvent } from "../../../core/generation/events.ts";
import { FinishReason, type GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** The events of vectors that another server computed, normalized to length 1, and the end. */
export function* embeddingEvents(
  vectors: readonly number[][],
  promptTokens: number,
): Generator<GenerationEvent> {
  for (const [index, vector] of vectors.entries()) yield embeddedEvent(index, toUnitVector(vector));
  const usage = { promptTokens, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
  yield finishedEvent(FinishReason.STOP, usage);
}

/** The vector at length 1; zeros stay zeros. */
export function toUnitVector(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
