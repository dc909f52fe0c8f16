import type { Generation, GenerationEvent } from "../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Answers one generation: one `started`, any number of `delta` (empty ones are heartbeats), one `finished`; or throws a
 * `MeshError`. Aborting the signal, or leaving the iteration, releases everything.
 */
export type Generate = (generation: Generation, signal: AbortSignal) => AsyncIterable<GenerationEvent>;
