import { byRatio, leastKnown, type Scorer } from "./scorer.ts";

/** Paces closer than this are alike: nobody reads 500 tokens a second. */
const noiseMs = 2;

/** Prefers nodes that are quick between tokens; an untried one is hoped to be as good as the best. */
export const pace: Scorer = {
  name: "pace",
  score: (candidates) => {
    const least = leastKnown(candidates, ({ tokenMs }) => tokenMs) ?? 0;
    return byRatio(
      Float64Array.from(candidates, ({ tokenMs }) => tokenMs ?? least),
      noiseMs,
    );
  },
};
