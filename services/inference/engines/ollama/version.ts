/**
 * The oldest version that is served: before it Ollama knows neither `truncate` nor `shift` and cuts prompts that are
 * too long without a word (ollama/ollama#12582).
 */
export const oldestVersion = "0.12.6";

/** The first version that reports log probabilities (ollama/ollama#12899). */
export const firstWithLogprobs = "0.12.11";

/** The first version that takes thinking levels for every model that thinks; before, for gpt-oss alone (ollama/ollama#14625). */
export const firstWithThinkingLevels = "0.17.7";

/** The first version that knows the thinking level `max`. */
export const firstWithMaxThinking = "0.22.0";

/**
 * The first version whose runners all hold to penalties: it left them to llama-server (ollama/ollama#16031), where
 * Ollama's own runner for newer families passed over them (runner/ollamarunner/runner.go at v0.20.0).
 */
export const firstWithPenalties = "0.30.0";

/**
 * Whether a version is at least another. One that is no release (`0.0.0`, or no version at all) is a custom
 * build and counts as the newest.
 */
export function isAtLeast(version: string, least: string): boolean {
  const given = numbersOf(version);
  const asked = numbersOf(least)!;
  if (given === undefined || given.every((number) => number === 0)) return true;
  const [index] = [0, 1, 2].filter((index) => given[index] !== asked[index]);
  return index === undefined || given[index]! > asked[index]!;
}

const numbersOf = (version: string): number[] | undefined =>
  /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
