import { type Figures, leastKnown } from "../figures.ts";
import { byRatio, known, type Scorer } from "./scorer.ts";

/** Smaller differences are noise: about one turn of a node's batch loop. */
const noiseMs = 10;
/** The assumed time in a slot while no node has finished a generation. */
const unknownServiceMs = 1000;

/**
 * Prefers the shortest expected time to the first token: the queue ahead, then the node's own time to a first token,
 * both learned for each node and model. An untried node is assumed to be as good as the best.
 */
export const expectedWait: Scorer = {
  name: "expected-wait",
  score: (figures, scores) => {
    expectWaitsMs(figures, scores);
    byRatio(scores, noiseMs);
  },
};

/** Writes the expected time to the first token on each node, in milliseconds. */
export function expectWaitsMs(
  { count, slots, occupied, firstTokenMs, serviceMs }: Figures,
  waitsMs: Float64Array,
): void {
  const hopedFirstTokenMs = known(leastKnown(firstTokenMs), 0);
  const hopedServiceMs = known(leastKnown(serviceMs), unknownServiceMs);
  for (let index = 0; index < count; index++) {
    const there = slots[index] as number;
    const ahead = Math.max(0, (occupied[index] as number) - there + 1);
    const queueMs = (ahead * known(serviceMs[index], hopedServiceMs)) / Math.max(1, there);
    waitsMs[index] = queueMs + known(firstTokenMs[index], hopedFirstTokenMs);
  }
}
