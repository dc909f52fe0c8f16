import type { TokenChoice, TokenLogprob } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { list, type Members, members, text } from "../../upstream/json.ts";

/** A piece of a tool call as a server wrote it; whatever it left out is empty. */
export interface WrittenCall {
  readonly index: number | undefined;
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** What one chunk of a stream says, in one form for all servers and both endpoints. */
export interface Chunk {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly WrittenCall[];
  readonly logprobs: readonly TokenLogprob[];
  /** Empty while the answer goes on. */
  readonly finishReason: string;
  /** With members `usage` or `timings`, where it tells counts. */
  readonly members: Members;
}

/**
 * Reads a chunk of `/chat/completions` or `/completions`. Choices may be missing or null, content may be null or a
 * list of parts, thoughts are called `reasoning_content` or `reasoning` or both with the same text, and `<think>` in
 * the content stays what it is: text.
 */
export function readChunk(value: unknown): Chunk {
  const chunk = members(value);
  const choice = members(list(chunk.choices).find((one) => (members(one).index ?? 0) === 0));
  const delta = members(choice.delta);
  return {
    text: text(choice.text) + contentOf(delta.content) + text(delta.refusal),
    reasoning: text(delta.reasoning_content) || text(delta.reasoning),
    calls: [...list(delta.tool_calls).map(readCall), ...legacyCall(delta.function_call)],
    logprobs: readLogprobs(choice.logprobs),
    finishReason: text(choice.finish_reason),
    members: chunk,
  };
}

const contentOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : list(content)
        .map((part) => text(members(part).text))
        .join("");

function readCall(value: unknown): WrittenCall {
  const call = members(value);
  const { name, arguments: written } = members(call.function);
  return {
    index: typeof call.index === "number" ? call.index : undefined,
    id: text(call.id),
    name: text(name),
    argumentsJson: argumentsOf(written),
  };
}

/** OpenAI's form before there were tools. */
const legacyCall = (value: unknown): WrittenCall[] =>
  value === undefined || value === null ? [] : [readCall({ index: 0, function: value })];

/** Some servers give the object itself instead of its text. */
const argumentsOf = (written: unknown): string =>
  typeof written === "string"
    ? written
    : typeof written === "object" && written !== null
      ? JSON.stringify(written)
      : "";

/** What stands for a probability of 0, as vLLM has it: JSON has no infinity. */
const lowestLogprob = -9999;

/**
 * The log probabilities of a choice, in either form: a list of tokens (`content`), or the four lists of old
 * completions.
 */
function readLogprobs(value: unknown): TokenLogprob[] {
  const logprobs = members(value);
  if (Array.isArray(logprobs.content)) return logprobs.content.map(readToken);
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

function readToken(value: unknown): TokenLogprob {
  const { token, bytes, logprob, top_logprobs } = members(value);
  return {
    $typeName: "cxmpute.generation.v1.TokenLogprob",
    token: choiceOf(text(token), bytes, logprob),
    top: list(top_logprobs)
      .map((alternative) => {
        const choice = members(alternative);
        return choiceOf(text(choice.token), choice.bytes, choice.logprob);
      })
      .sort(bestFirst),
  };
}

const choiceOf = (token: string, bytes: unknown, logprob: unknown): TokenChoice => ({
  $typeName: "cxmpute.generation.v1.TokenChoice",
  text: token.toWellFormed(),
  bytes: Array.isArray(bytes) ? Uint8Array.from(bytes, Number) : Buffer.from(token, "utf8"),
  logprob: typeof logprob === "number" ? Math.max(lowestLogprob, Math.min(0, logprob)) : lowestLogprob,
});

const bestFirst = (one: TokenChoice, other: TokenChoice): number => other.logprob - one.logprob;
