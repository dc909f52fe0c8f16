import type { TokenChoice, TokenLogprob } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { list, members, text } from "./json.ts";

/** Stands for a probability of 0, as in vLLM: JSON has no infinity. */
const lowestLogprob = -9999;

/** The log probabilities of an OpenAI choice: a list of tokens (`content`), or the four lists of old completions. */
export function readLogprobs(value: unknown): TokenLogprob[] {
  const logprobs = members(value);
  if (Array.isArray(logprobs.content)) return logprobs.content.map((token) => readTokenLogprob(token));
  const alternatives = list(logprobs.top_logprobs);
  const values = list(logprobs.token_logprobs);
  return list(logprobs.tokens).map((token, index) => ({
    $typeName: "cxmpute.generation.v1.TokenLogprob",
    token: choiceOf(text(token), undefined, values[index]),
    top: Object.entries(members(alternatives[index]))
      .map(([alternative, logprob]) => choiceOf(alternative, undefined, logprob))
      .sort(bestFirst),
  }));
}

/** One token as OpenAI and Ollama write it, with at most `top` alternatives, likeliest first. */
export const readTokenLogprob = (value: unknown, top = Number.POSITIVE_INFINITY): TokenLogprob => ({
  $typeName: "cxmpute.generation.v1.TokenLogprob",
  token: readChoice(value),
  top: list(members(value).top_logprobs).map(readChoice).sort(bestFirst).slice(0, top),
});

function readChoice(value: unknown): TokenChoice {
  const { token, bytes, logprob } = members(value);
  return choiceOf(text(token), bytes, logprob);
}

const choiceOf = (token: string, bytes: unknown, logprob: unknown): TokenChoice => ({
  $typeName: "cxmpute.generation.v1.TokenChoice",
  text: token.toWellFormed(),
  bytes: Array.isArray(bytes) ? Uint8Array.from(bytes, Number) : Buffer.from(token, "utf8"),
  logprob: typeof logprob === "number" ? Math.max(lowestLogprob, Math.min(0, logprob)) : lowestLogprob,
});

const bestFirst = (one: TokenChoice, other: TokenChoice): number => other.logprob - one.logprob;
