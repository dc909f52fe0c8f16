/** The oldest supported version: earlier ones silently truncate prompts (ollama/ollama#12582). */
export const oldestVersion = "0.12.6";

/** The first version that reports log probabilities (ollama/ollama#12899). */
export const firstWithLogprobs = "0.12.11";

/** The first version with reasoning levels for every reasoning model, not only gpt-oss (ollama/ollama#14625). */
export const firstWithThinkingLevels = "0.17.7";

/** The first version with the reasoning level `max`. */
export const firstWithMaxThinking = "0.22.0";

/** The first version whose runners all apply penalties (ollama/ollama#16031). */
export const firstWithPenalties = "0.30.0";

/** Whether a version is at least another; no release (`0.0.0`, or none) counts as the newest. */
export function isAtLeast(version: string, least: string): boolean {
  const given = numbersOf(version);
  const asked = numbersOf(least)!;
  if (given === undefined || given.every((number) => number === 0)) return true;
  const [index] = [0, 1, 2].filter((index) => given[index] !== asked[index]);
  return index === undefined || given[index]! > asked[index]!;
}

const numbersOf = (version: string): number[] | undefined =>
  /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
