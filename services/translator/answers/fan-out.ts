import type { Caller, Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

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
