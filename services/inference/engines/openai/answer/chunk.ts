import type { TokenLogprob } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { list, type Members, members, text } from "../../upstream/json.ts";
import { readLogprobs } from "../../upstream/logprobs.ts";

/** A piece of a tool call as the server sent it; what it omitted is empty. */
export interface WrittenCall {
  readonly index: number | undefined;
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** One chunk of a stream, in one form for all servers and both endpoints. */
export interface Chunk {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly WrittenCall[];
  readonly logprobs: readonly TokenLogprob[];
  readonly finishReason: string;
  /** May hold `usage` or `timings`. */
  readonly members: Members;
}

/** Reads a chunk of `/chat/completions` or `/completions`, leniently. `<think>` in the content stays text. */
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

/** Text, or the text of a list of parts. */
const contentOf = (content: unknown): string =>
  text(content) ||
  list(content)
    .map((part) => text(members(part).text))
    .join("");

function readCall(value: unknown): WrittenCall {
  const call = members(value);
  const { name, arguments: written } = members(call.function);
  // Some servers send the object instead of its text.
  const argumentsJson =
    typeof written === "object" && written !== null ? JSON.stringify(written) : text(written);
  return {
    index: typeof call.index === "number" ? call.index : undefined,
    id: text(call.id),
    name: text(name),
    argumentsJson,
  };
}

/** OpenAI's form before tools. */
const legacyCall = (value: unknown): WrittenCall[] =>
  value === undefined || value === null ? [] : [readCall({ index: 0, function: value })];
