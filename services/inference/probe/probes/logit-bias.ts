import { refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says, type Trial } from "../trial.ts";

/** Two tokens of nearly every vocabulary: beyond bytes and control tokens, of which some have a thousand. */
export const biasedTokens = [1400, 1700] as const;

/** A token with the greatest bias is all that is said, and another token is something else. */
export const logitBias: Probe = {
  name: "logit_bias",
  isClaimed: ({ capabilities }) => capabilities?.logitBias === true,
  async attempt(trial) {
    const plain = await say(trial);
    const texts: string[] = [];
    for (const token of biasedTokens) texts.push(await say(trial, { [token]: 100 }));
    if (texts.every((text) => text === plain)) return refuted("a bias changed nothing");
    if (new Set([plain, ...texts]).size < 3) return refuted("biases on different tokens did the same");
    return shown;
  },
};

async function say(trial: Trial, bias: Record<number, number> = {}): Promise<string> {
  const question = { messages: says("Name three colours."), sampling: { logitBias: bias } };
  const { text, reasoning } = await trial.peek(question, 4);
  return reasoning + text;
}
