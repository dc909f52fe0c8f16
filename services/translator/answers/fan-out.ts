import type { Caller, Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * One generation for each choice. They share everything, messages included, but the id and the seed: with one
 * seed for all, `n` answers would be one answer `n` times. A single generation has the id `id`; of several each
 * adds its index.
 */
export function fanOut(generation: Generation, choices: number, id: string, caller: Caller): Generation[] {
  // In place, because nothing else refers to it yet and a copy takes 3 µs.
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
