import { leastKnown } from "../figures.ts";
import { byRatio, known, type Scorer } from "./scorer.ts";

/** Smaller differences do not matter: no one reads 500 tokens a second. */
const noiseMs = 2;

/** Prefers nodes with little time between tokens; an untried one is assumed to be as good as the best. */
export const pace: Scorer = {
  name: "pace",
  score: ({ count, tokenMs }, scores) => {
    const least = known(leastKnown(tokenMs), 0);
    for (let index = 0; index < count; index++) scores[index] = known(tokenMs[index], least);
    byRatio(scores, noiseMs);
  },
};
