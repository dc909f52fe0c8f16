import type { Generation, GenerationEvent } from "../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Answers one generation, in order: one `started`, any number of `delta`, and one `finished`; or throws a `MeshError`.
 * An empty delta is a heartbeat. Aborting the signal, or leaving the iteration, releases everything.
 *
 * Engines, nodes, routers and relays to them all implement this.
 */
export type Generate = (generation: Generation, signal: AbortSignal) => AsyncIterable<GenerationEvent>;
