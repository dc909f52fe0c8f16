import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { type Finding, refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says, type Trial } from "../trial.ts";

/** The longest context that is tried, in tokens: where the claim is false the engine works through all of it. */
const triedTokens = 8192;

/**
 * A prompt that exceeds the context is refused as such. No capability hangs on it: an engine that cuts prompts
 * without a word is still of use, but its provider should know.
 */
export const contextLength: Probe = {
  name: "context_length",
  isClaimed: (served) => served.contextLength <= triedTokens,
  async attempt(trial) {
    try {
      return await exceed(trial);
    } catch (error) {
      if (!(error instanceof MeshError) || error.kind !== "invalid_request") throw error;
      if (error.code === "context_length_exceeded") return shown;
      return refuted(`a prompt that is too long was refused for another reason: ${error.message}`);
    }
  },
};

async function exceed(trial: Trial): Promise<Finding> {
  const tokens = trial.served.contextLength;
  const { usage } = await trial.peek({ messages: says("a ".repeat(tokens + 1)) }, 1);
  return (usage?.promptTokens ?? 0) > tokens
    ? refuted(`its context is longer than the ${tokens} tokens that it tells`)
    : refuted(`a prompt of more than its ${tokens} tokens was cut short without a word`);
}
