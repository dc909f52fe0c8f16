import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { tokenAt, tokenTexts } from "./text.ts";

/** The course of one answer, known before its first token because the text is a pure function. */
export interface Plan {
  /** Tokens of the whole answer. */
  readonly tokens: number;
  readonly reason: FinishReason;
  /** The stop text that ends it; empty when none does. */
  readonly stop: string;
  /** Text of the token at an index, without what a stop text takes away. */
  textOf(index: number): string;
}

/** What a plan is made from. */
export interface PlanOptions {
  readonly key: number;
  /** Tokens after which the answer ends of itself. */
  readonly answerTokens: number;
  /** At most so many tokens. */
  readonly maxTokens: number;
  /** Texts that end the answer and are left out of it. */
  readonly stop: readonly string[];
}

/** Plans the answer to the prompt with this key. */
export function planAnswer({ key, answerTokens, maxTokens, stop }: PlanOptions): Plan {
  const tokens = Math.min(answerTokens, maxTokens);
  const textOf = (index: number): string => tokenTexts[tokenAt(key, index)]!;
  return (
    planStop(tokens, textOf, stop) ?? {
      tokens,
      reason: answerTokens < maxTokens ? FinishReason.STOP : FinishReason.LENGTH,
      stop: "",
      textOf,
    }
  );
}

/** The course up to the stop text that is complete first; of several complete at once the earliest counts. */
function planStop(
  tokens: number,
  textOf: (index: number) => string,
  stop: readonly string[],
): Plan | undefined {
  const stops = stop.filter((text) => text !== "");
  const longest = Math.max(0, ...stops.map((text) => text.length));
  if (longest === 0) return undefined;
  const texts: string[] = [];
  let tail = "";
  for (let index = 0; index < tokens; index++) {
    const added = textOf(index);
    texts.push(added);
    const window = tail + added;
    const starts = stops.map((wanted) => window.indexOf(wanted));
    const start = Math.min(...starts.filter((found) => found >= 0));
    if (start < window.length) {
      cutTail(texts, window.length - start);
      return {
        tokens: texts.length,
        reason: FinishReason.STOP,
        stop: stops[starts.indexOf(start)]!,
        textOf: (wanted) => texts[wanted] ?? "",
      };
    }
    tail = window.slice(Math.max(0, window.length - longest + 1));
  }
  return undefined;
}

/** Takes the last `units` UTF-16 units away from a list of texts, and leaves the list as long as it is. */
function cutTail(texts: string[], units: number): void {
  let left = units;
  for (let index = texts.length - 1; left > 0; index--) {
    const text = texts[index]!;
    texts[index] = text.slice(0, Math.max(0, text.length - left));
    left -= text.length;
  }
}
