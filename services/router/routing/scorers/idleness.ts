import type { Scorer } from "./scorer.ts";

/** Prefers the largest share of free slots: engines slow down as batches fill, and equal nodes should share a burst. */
export const idleness: Scorer = {
  name: "idleness",
  score: ({ count, occupied, slots }, scores) => {
    for (let index = 0; index < count; index++)
      scores[index] = Math.max(0, 1 - (occupied[index] as number) / Math.max(1, slots[index] as number));
  },
};
