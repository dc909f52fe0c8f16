import type { Candidate } from "../candidate.ts";
import { byRatio, leastKnown, type Scorer } from "./scorer.ts";

/** Waits closer than this are alike: about one turn of a node's batch loop. */
const noiseMs = 10;
/** How long a generation is taken to hold a slot while no node has finished one. */
const unknownServiceMs = 1000;

/**
 * Prefers the shortest expected time to the first token: the queue in front, at the speed at which the node has
 * been seen to work it off, then the node's own time to a first token. Machines differ by 100 times, so both are
 * learned for each node and model; an untried node is hoped to be as good as the best.
 */
export const expectedWait: Scorer = {
  name: "expected-wait",
  score: (candidates) => byRatio(expectedWaitsMs(candidates), noiseMs),
};

/** Expected time to the first token on each node, in milliseconds. */
export function expectedWaitsMs(candidates: readonly Candidate[]): Float64Array {
  const firstTokenMs = leastKnown(candidates, (candidate) => candidate.firstTokenMs) ?? 0;
  const serviceMs = leastKnown(candidates, (candidate) => candidate.serviceMs) ?? unknownServiceMs;
  return Float64Array.from(candidates, (candidate) => {
    const ahead = Math.max(0, candidate.occupied - candidate.slots + 1);
    const queueMs = (ahead * (candidate.serviceMs ?? serviceMs)) / Math.max(1, candidate.slots);
    return queueMs + (candidate.firstTokenMs ?? firstTokenMs);
  });
}
