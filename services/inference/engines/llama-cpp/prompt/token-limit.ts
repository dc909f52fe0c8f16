import { MeshError } from "../../../../../core/errors/mesh-error.ts";

/** How many tokens a text of the caller's may come to, and how to refuse more. */
export interface TokenLimit {
  readonly most: number;
  /** Up to so many are counted in full before the text is refused: callers shorten it by the number they are told. */
  readonly counted: number;
  /** Tokens that precede the text and count as part of it. */
  readonly before: number;
  /** The request parameter, for errors. */
  readonly param: string;
  /** The refusal of a text; `size` completes "your text …". */
  fault(size: string): MeshError;
}

/** What is too long: of a chat, a raw prompt, or the input with an index of an embedding. */
export type LimitedText = "messages" | "prompt" | number;

/** The limit that a context sets, less one token for an answer, and `reserved` ones. */
export function contextLimit(
  contextLength: number,
  text: LimitedText,
  { before = 0, reserved = 0 } = {},
): TokenLimit {
  const [subject, object, param] =
    typeof text === "number"
      ? ([`input ${text}`, "its length", "input"] as const)
      : ([`your ${text}`, `the length of the ${text}`, text] as const);
  const most = contextLength - 1 - reserved;
  return {
    most,
    counted: Math.min(8 * most, most + 16_384),
    before,
    param,
    fault: (size) =>
      new MeshError(
        "invalid_request",
        `This model's maximum context length is ${contextLength} tokens. However, ${subject} ${size}. Please reduce ${object}.`,
        { code: "context_length_exceeded", param },
      ),
  };
}

/** Throws the limit's fault when a text came to too many tokens. */
export function checkTokens(tokens: number, limit: TokenLimit): void {
  const all = limit.before + tokens;
  if (all > limit.most) throw limit.fault(`resulted in ${all} tokens`);
}

/** The same when only part of the text has been counted: throws only what is not to be counted in full. */
export function checkLeastTokens(tokens: number, limit: TokenLimit): void {
  const all = limit.before + tokens;
  if (all > limit.counted) throw limit.fault(`resulted in ${Math.ceil(all)} tokens at least`);
}
