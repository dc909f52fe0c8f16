import type { Generation, GenerationEvent } from "../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Answers one generation. Events come in order: one `started`, any number of `delta`, exactly one `finished`,
 * which ends them; or the iteration throws a `MeshError`. An empty delta is a sign of life and shows nothing.
 * Aborting the signal, or leaving the iteration, frees everything the answer holds.
 *
 * Every part of the mesh speaks this: an engine, a node, a relay to a node, a router, a relay to a router.
 */
export type Generate = (generation: Generation, signal: AbortSignal) => AsyncIterable<GenerationEvent>;
