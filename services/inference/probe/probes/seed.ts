import { refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says, type Trial } from "../trial.ts";

/** Attempts at getting the same answer twice: the first may have met a cache, which shifts the last digits. */
const attempts = 2;

/** Drawn from a wide field, the same seed gives the same answer, and among others one differs. */
export const seed: Probe = {
  name: "seed",
  isClaimed: ({ capabilities }) => capabilities?.seed === true,
  async attempt(trial) {
    for (let left = attempts; left > 0; left--) {
      const [first, again] = [await draw(trial, 11n), await draw(trial, 11n)];
      if (first === again)
        return (await differs(trial, first))
          ? shown
          : refuted("answers do not vary with the seed, so nothing shows that it counts");
    }
    return refuted("the same seed gave different answers");
  },
};

async function differs(trial: Trial, known: string): Promise<boolean> {
  for (const other of [12n, 13n, 14n]) if ((await draw(trial, other)) !== known) return true;
  return false;
}

async function draw(trial: Trial, value: bigint): Promise<string> {
  const sampling = { temperature: 1.2, seed: value };
  const { text, reasoning } = await trial.peek({ messages: says("Tell me a short story."), sampling }, 16);
  return reasoning + text;
}
