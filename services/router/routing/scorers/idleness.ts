import type { Scorer } from "./scorer.ts";

/**
 * Prefers the node with the largest share of free slots: engines slow down as their batch fills, and equal nodes
 * should share a burst.
 */
export const idleness: Scorer = {
  name: "idleness",
  score: (candidates) =>
    Float64Array.from(candidates, ({ occupied, slots }) => Math.max(0, 1 - occupied / Math.max(1, slots))),
};
