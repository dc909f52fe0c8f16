import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says, type Trial } from "../trial.ts";
import { biasedTokens } from "./logit-bias.ts";

const beginning = "Once upon a time";

/**
 * A text is gone on from without a template around it: it takes fewer tokens than the same text as a message, where
 * there can be messages. Token ids count one each, or are refused by name.
 */
export const rawPrompt: Probe = {
  name: "raw_prompt",
  isClaimed: ({ capabilities }) => capabilities?.rawPrompt === true,
  async attempt(trial, findings) {
    const raw = await trial.peek({ rawPrompt: { prompt: { case: "text", value: beginning } } }, 4);
    if (raw.text === "") return refuted("nothing followed a raw prompt");
    const chats = findings.get("answer")?.outcome === "shown";
    const asked = chats ? await trial.peek({ messages: says(beginning) }, 1) : undefined;
    if (asked !== undefined && (raw.usage?.promptTokens ?? 0) >= (asked.usage?.promptTokens ?? 0))
      return refuted("a raw prompt took as many tokens as the same text with a chat template around it");
    const counted = await countTokens(trial);
    if (counted !== undefined && counted !== biasedTokens.length)
      return refuted(`a raw prompt of ${biasedTokens.length} tokens was counted as ${counted}`);
    return shown;
  },
};

/** Tokens of a prompt that is given as tokens; undefined when the engine refuses such prompts. */
async function countTokens(trial: Trial): Promise<number | undefined> {
  try {
    const prompt = { case: "tokens" as const, value: { ids: [...biasedTokens] } };
    return (await trial.peek({ rawPrompt: { prompt } }, 1)).usage?.promptTokens;
  } catch (error) {
    if (error instanceof MeshError && error.kind === "invalid_request") return undefined;
    throw error;
  }
}
