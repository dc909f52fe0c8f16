import { refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";

/** Two texts become two different vectors of numbers, of one size and of length 1. */
export const embeddings: Probe = {
  name: "embeddings",
  isClaimed: ({ capabilities }) => capabilities?.embeddings === true,
  async attempt(trial) {
    const inputs = ["mesh", "The sea was calm."].map((value) => ({
      prompt: { case: "text" as const, value },
    }));
    const vectors = (await trial.peek({ embedding: { inputs } }, 1)).embeddings.map(({ values }) => values);
    const [first, second, ...others] = vectors;
    if (first === undefined || second === undefined || others.length > 0)
      return refuted(`two texts became ${vectors.length} vectors`);
    if (first.length === 0 || first.length !== second.length)
      return refuted("its vectors differ in size, or are empty");
    if (!vectors.every((vector) => Math.abs(Math.hypot(...vector) - 1) < lengthTolerance))
      return refuted("its vectors are not of length 1");
    if (first.every((value, index) => value === second[index]))
      return refuted("different texts became the same vector");
    return shown;
  },
};

/** Vectors may have come as half-precision numbers. */
const lengthTolerance = 0.01;
