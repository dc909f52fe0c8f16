import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { type Attempt, refuted, says, shown, shownIf, type Trial } from "../trial.ts";
import { biasedTokens } from "./sampling.ts";

/** A plain question gets an answer. The control for all others: what fails while this works is at fault. */
export const answer: Attempt = async (trial) => {
  const { text, reasoning, toolCalls } = await trial.peek({ messages: says("Say hello.") }, 8);
  return shownIf(
    text.trim() !== "" || reasoning !== "" || toolCalls.length > 0,
    "a plain question got an empty answer",
  );
};

/** Two texts become two different vectors of numbers, of one size and of length 1. */
export const embeddings: Attempt = async (trial) => {
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
};

const lengthTolerance = 0.01;

const beginning = "Once upon a time";

/** A text takes fewer tokens than the same text as a message. Token ids count one each, or are refused by name. */
export const rawPrompt: Attempt = async (trial, findings) => {
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
};

/** Counted tokens of a prompt of tokens; undefined when the engine refuses such prompts. */
async function countTokens(trial: Trial): Promise<number | undefined> {
  try {
    const prompt = { case: "tokens" as const, value: { ids: [...biasedTokens] } };
    return (await trial.peek({ rawPrompt: { prompt } }, 1)).usage?.promptTokens;
  } catch (error) {
    if (error instanceof MeshError && error.kind === "invalid_request") return undefined;
    throw error;
  }
}

/** The longest context that is probed, in tokens: with a false claim the engine works through all of it. */
export const triedTokens = 8192;

/** A prompt that exceeds the context is refused as such. No capability depends on it, but a provider should know. */
export const contextLength: Attempt = async (trial) => {
  const tokens = trial.served.contextLength;
  try {
    const { usage } = await trial.peek({ messages: says("a ".repeat(tokens + 1)) }, 1);
    return (usage?.promptTokens ?? 0) > tokens
      ? refuted(`its context is longer than the ${tokens} tokens that it reports`)
      : refuted(`a prompt of more than its ${tokens} tokens was cut short without a word`);
  } catch (error) {
    if (!(error instanceof MeshError) || error.kind !== "invalid_request") throw error;
    if (error.code === "context_length_exceeded") return shown;
    return refuted(`a prompt that is too long was refused for another reason: ${error.message}`);
  }
};
