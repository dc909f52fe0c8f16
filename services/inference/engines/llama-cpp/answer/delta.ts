import type {
  Delta,
  GenerationEvent,
  TokenChoice,
  TokenLogprob,
  ToolCallDelta,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { decode } from "../../text/utf8-stream.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** The probability of a token under the model itself, before samplers and grammars. */
export interface TokenLikelihood {
  readonly logprob: number;
  /** The likeliest tokens at its position, best first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/**
 * A token with its log probability. `shown`: the part of its text that belongs to the answer, unless that is
 * all of it; so the tokens add up to exactly the text.
 */
export function toLogprob(
  token: number,
  bytes: Uint8Array,
  { logprob, top }: TokenLikelihood,
  vocabulary: Vocabulary,
  shown?: string,
): TokenLogprob {
  return {
    $typeName: "cxmpute.generation.v1.TokenLogprob",
    token: shown === undefined ? choice(bytes, logprob) : choice(Buffer.from(shown), logprob),
    top: top.map((other) =>
      choice(other.token === token ? bytes : vocabulary.bytesOf(other.token), other.logprob),
    ),
  };
}

const choice = (bytes: Uint8Array, logprob: number): TokenChoice => ({
  $typeName: "cxmpute.generation.v1.TokenChoice",
  text: decode(bytes),
  bytes,
  logprob,
});

/** A delta of these tokens. A literal, because one is made per token. */
export const createDelta = (tokenIds: number[]): Delta => ({
  $typeName: "cxmpute.generation.v1.Delta",
  text: "",
  reasoning: "",
  toolCalls: [],
  tokenIds,
  logprobs: [],
});

/** The event of a delta. */
export const deltaEvent = (value: Delta): GenerationEvent => ({
  $typeName: "cxmpute.generation.v1.GenerationEvent",
  event: { case: "delta", value },
});

/** A fragment of a tool call. Only the first of an index has id and name. */
export const toolCallDelta = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): ToolCallDelta => ({
  $typeName: "cxmpute.generation.v1.ToolCallDelta",
  index,
  id,
  name,
  argumentsJson,
});
