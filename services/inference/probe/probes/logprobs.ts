import type { TokenLogprob } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { refuted, shownIf } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says } from "../trial.ts";

/** The most alternatives that a client may ask for; an engine with fewer would fail those requests. */
const alternatives = 20;

/** Every token of an answer comes with its log probability and as many alternatives as were asked for. */
export const logprobs: Probe = {
  name: "logprobs",
  isClaimed: ({ capabilities }) => capabilities?.logprobs === true,
  async attempt(trial) {
    const question = { messages: says("Name three colours."), logprobs: { top: alternatives } };
    const answer = await trial.ask(question, 4);
    if (answer.logprobs.length === 0) return refuted("no log probabilities came");
    // The token that ends an answer need not be told, and neither need thoughts.
    if (answer.reasoning === "" && answer.logprobs.length < (answer.usage?.completionTokens ?? 0) - 1)
      return refuted("log probabilities came for some tokens only");
    return shownIf(
      answer.logprobs.every(isWhole),
      `not every token came with ${alternatives} alternatives, best first`,
    );
  },
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
