import { expectedWait } from "./scorers/expected-wait.ts";
import { idleness } from "./scorers/idleness.ts";
import { pace } from "./scorers/pace.ts";
import type { Scorer } from "./scorers/scorer.ts";

/** Weighted scorers. The weights add up to 1, so a total is in [0, 1]. */
export type Profile = readonly { readonly scorer: Scorer; readonly weight: number }[];

/** The profiles by name. */
export const profiles = {
  /** For people who wait for an answer: an early first token, then a good pace, with the load shared. */
  interactive: [
    { scorer: expectedWait, weight: 0.6 },
    { scorer: pace, weight: 0.2 },
    { scorer: idleness, weight: 0.2 },
  ],
} as const satisfies Record<string, Profile>;
