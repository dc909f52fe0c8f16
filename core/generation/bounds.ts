const largestUint32 = 0xffff_ffff;

/** The least and the largest value of each number in a generation, both included. */
export const bounds = {
  temperature: [0, 2],
  topP: [0, 1],
  minP: [0, 1],
  frequencyPenalty: [-2, 2],
  presencePenalty: [-2, 2],
  logitBias: [-100, 100],
  maxTokens: [1, largestUint32],
  timeoutMs: [1, largestUint32],
  topLogprobs: [0, 20],
  tokenId: [0, largestUint32],
  seed: [-(2 ** 63), 2 ** 63],
} as const;

/** A repetition penalty is above this. */
export const repetitionPenaltyAbove = 0;

/** The most stop texts. */
export const mostStops = 4;

/** The most messages of a conversation, and parts of a message; OpenAI takes 2048. */
export const mostMessages = 10_000;

/** The most tokens with a bias: enough to ban a script from a vocabulary, little enough for every process on the way. */
export const mostBiases = 10_000;

/** The longest of each text beside the prompt, in UTF-16 units. Each choice of a request carries them again. */
export const longest = {
  model: 256,
  stop: 4096,
  chatTemplateKwargs: 64 * 1024,
  resumeText: 1024 * 1024,
} as const;

/** A whole number of at least 0, capped to 32 bits; for limits that cannot be reached anyway. */
export const toUint32 = (value: number): number => Math.min(value, largestUint32);
