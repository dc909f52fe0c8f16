import { bounds } from "../../../../core/generation/bounds.ts";
import type { TokenLogprob } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Attempt, type Question, refuted, says, shown, shownIf, type Trial } from "../trial.ts";

/** The most alternatives that clients may ask for. */
const [, alternatives] = bounds.topLogprobs;

/** Every token has a log probability and the requested alternatives. */
export const logprobs: Attempt = async (trial) => {
  const question = { messages: says("Name three colours."), logprobs: { top: alternatives } };
  const answer = await trial.ask(question, 4);
  if (answer.logprobs.length === 0) return refuted("no log probabilities came");
  // The end token and reasoning may be left out.
  if (answer.reasoning === "" && answer.logprobs.length < (answer.usage?.completionTokens ?? 0) - 1)
    return refuted("log probabilities came for some tokens only");
  return shownIf(
    answer.logprobs.every(isWhole),
    `not every token came with ${alternatives} alternatives, best first`,
  );
};

function isWhole({ token, top }: TokenLogprob): boolean {
  const values = top.map(({ logprob }) => logprob);
  return (
    token !== undefined &&
    values.length === alternatives &&
    [token.logprob, ...values].every((value) => value <= 0) &&
    values.every((value, index) => index === 0 || value <= values[index - 1]!)
  );
}

/** Tokens of nearly every vocabulary, above bytes and control tokens. */
export const biasedTokens = [1400, 1700] as const;

/** The token with the greatest bias is all that is answered, and another token is different. */
export const logitBias: Attempt = async (trial) => {
  const ask = (logitBias: Record<number, number>) => say(trial, "Name three colours.", { logitBias }, 4);
  const plain = await ask({});
  const texts: string[] = [];
  for (const token of biasedTokens) texts.push(await ask({ [token]: 100 }));
  if (texts.every((text) => text === plain)) return refuted("a bias changed nothing");
  if (new Set([plain, ...texts]).size < 3) return refuted("biases on different tokens did the same");
  return shown;
};

/** The first attempt may meet a cache, which shifts the last digits. */
const attempts = 2;

/** At a high temperature the same seed repeats an answer, and one of several others does not. */
export const seed: Attempt = async (trial) => {
  for (let left = attempts; left > 0; left--) {
    const [first, again] = [await draw(trial, 11n), await draw(trial, 11n)];
    if (first === again)
      return (await differs(trial, first))
        ? shown
        : refuted("answers do not vary with the seed, so nothing shows that it has an effect");
  }
  return refuted("the same seed gave different answers");
};

async function differs(trial: Trial, known: string): Promise<boolean> {
  for (const other of [12n, 13n, 14n]) if ((await draw(trial, other)) !== known) return true;
  return false;
}

const draw = (trial: Trial, seed: bigint): Promise<string> =>
  say(trial, "Tell me a short story.", { temperature: 1.2, seed }, 16);

/** The first tokens of an answer, reasoning included. */
async function say(
  trial: Trial,
  question: string,
  sampling: NonNullable<Question["sampling"]>,
  maxTokens: number,
): Promise<string> {
  const { text, reasoning } = await trial.peek({ messages: says(question), sampling }, maxTokens);
  return reasoning + text;
}
