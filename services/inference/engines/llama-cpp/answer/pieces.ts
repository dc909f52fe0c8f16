/** A piece of an answer: in order, without overlap, by UTF-16 offsets into the output; gaps are not shown. */
export type Piece =
  | {
      readonly kind: "text" | "reasoning" | "arguments";
      /** The output from `from` to `to`: may be split anywhere. */
      readonly text: string;
      readonly from: number;
      readonly to: number;
    }
  /** Start of a call, known at `to`; cannot be split. */
  | { readonly kind: "call"; readonly name: string; readonly to: number }
  /** Arguments of the latest call that the model wrote in another form; cannot be split. */
  | { readonly kind: "decoded"; readonly text: string; readonly to: number };

/** The tags around reasoning of Qwen, DeepSeek and their successors. */
export const reasoningTags = { begin: "<think>", end: "</think>" } as const;

/** Whether an answer starts with reasoning: never, if the model opens it, or as the prompt has opened it. */
export type ReasoningStart = "never" | "possible" | "opened";

/** A piece of running text. */
export const running = (kind: "text" | "reasoning" | "arguments", from: number, text: string): Piece => ({
  kind,
  from,
  to: from + text.length,
  text,
});
