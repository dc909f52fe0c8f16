import type { Caller, Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ChatRequest } from "./index.ts";

/** What a request's generations have in common beside what was asked. */
export interface Origin {
  /** The id of the completion. A single generation has the same; of several each adds its index. */
  readonly completionId: string;
  readonly caller: Caller;
}

/**
 * One generation for each choice. They share everything, messages included, but the id and the seed: with one
 * seed for all, `n` answers would be one answer `n` times.
 */
export function fanOut(
  { generation, choices }: Pick<ChatRequest, "generation" | "choices">,
  origin: Origin,
): Generation[] {
  const { completionId, caller } = origin;
  // In place, because nobody else holds it yet and a copy takes 3 µs.
  generation.caller = caller;
  generation.id = completionId;
  if (choices === 1) return [generation];
  return Array.from({ length: choices }, (_, index) => ({
    ...generation,
    id: `${completionId}-${index}`,
    sampling: withSeedOf(generation.sampling, index),
  }));
}

function withSeedOf<S extends Generation["sampling"]>(sampling: S, index: number): S {
  if (index === 0 || sampling?.seed === undefined) return sampling;
  return { ...sampling, seed: BigInt.asIntN(64, sampling.seed + BigInt(index)) };
}
