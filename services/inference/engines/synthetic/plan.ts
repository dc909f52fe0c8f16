import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { tokenAt, tokenTexts } from "./text.ts";

/** A whole answer, known in advance because its text is a pure function. */
export interface Plan {
  /** Tokens of the answer, reasoning included. */
  readonly tokens: number;
  /** Reasoning tokens, which come first. */
  readonly thoughtTokens: number;
  readonly reason: FinishReason;
  /** The stop sequence that ends it; empty for none. */
  readonly stop: string;
  /** Text of the token at an index, up to a stop sequence. */
  textOf(index: number): string;
  idOf(index: number): number;
}

export interface PlanOptions {
  readonly key: number;
  readonly thoughtTokens: number;
  /** Tokens after reasoning. */
  readonly answerTokens: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Where the answer continues, if its beginning is part of the prompt: only the rest is planned. */
  readonly from?: TextPosition | undefined;
}

/** A position in the text of an answer. */
export interface TextPosition {
  /** Complete tokens before it, reasoning included. */
  readonly tokens: number;
  /** The part of the current token before it; empty between tokens. */
  readonly partial: string;
}

/** Plans an answer up to its end, limit or stop sequence. */
export function planAnswer({ key, thoughtTokens, answerTokens, maxTokens, stop, from }: PlanOptions): Plan {
  const skipped = from?.tokens ?? 0;
  const ownEnd = thoughtTokens + answerTokens - skipped;
  const tokens = Math.min(ownEnd, maxTokens);
  const idOf = (index: number): number => idAt(key, thoughtTokens, skipped + index);
  const partial = from?.partial.length ?? 0;
  const plan = {
    tokens,
    thoughtTokens: Math.min(Math.max(0, thoughtTokens - skipped), tokens),
    reason: ownEnd < maxTokens ? FinishReason.STOP : FinishReason.LENGTH,
    stop: "",
    textOf: (index: number): string => tokenTexts[idOf(index)]!.slice(index === 0 ? partial : 0),
    idOf,
  };
  return planStop(plan, stop) ?? plan;
}

/** The position after a text that starts after reasoning; undefined when the text is not of this answer. */
export function positionAfter(
  text: string,
  { key, thoughtTokens, answerTokens }: Pick<PlanOptions, "key" | "thoughtTokens" | "answerTokens">,
): TextPosition | undefined {
  const end = thoughtTokens + answerTokens;
  const textAt = (index: number): string => tokenTexts[idAt(key, thoughtTokens, index)]!;
  let tokens = thoughtTokens;
  let at = 0;
  while (tokens < end && text.startsWith(textAt(tokens), at)) at += textAt(tokens++).length;
  const partial = text.slice(at);
  const isInside = partial === "" || (tokens < end && textAt(tokens).startsWith(partial));
  return isInside && partial.isWellFormed() ? { tokens, partial } : undefined;
}

/** Reasoning and answer both start with a word without a space. */
const idAt = (key: number, thoughtTokens: number, index: number): number =>
  tokenAt(key, index, index === 0 || index === thoughtTokens);

/** The plan up to the first complete stop sequence outside reasoning; of several, the one that starts first. */
function planStop(plan: Plan, stop: readonly string[]): Plan | undefined {
  const stops = stop.filter((text) => text !== "");
  const longest = Math.max(0, ...stops.map((text) => text.length));
  if (longest === 0) return undefined;
  const { thoughtTokens } = plan;
  const texts: string[] = [];
  let tail = "";
  for (let index = thoughtTokens; index < plan.tokens; index++) {
    const added = plan.textOf(index);
    texts.push(added);
    const window = tail + added;
    const starts = stops.map((wanted) => window.indexOf(wanted));
    const start = Math.min(...starts.filter((found) => found >= 0));
    if (start < window.length) {
      cutTail(texts, window.length - start);
      return {
        ...plan,
        tokens: thoughtTokens + texts.length,
        reason: FinishReason.STOP,
        stop: stops[starts.indexOf(start)]!,
        textOf: (wanted) =>
          wanted < thoughtTokens ? plan.textOf(wanted) : (texts[wanted - thoughtTokens] ?? ""),
      };
    }
    tail = window.slice(Math.max(0, window.length - longest + 1));
  }
  return undefined;
}

/** Removes the last `units` UTF-16 units from a list of texts without shortening the list. */
function cutTail(texts: string[], units: number): void {
  let left = units;
  for (let index = texts.length - 1; left > 0; index--) {
    const text = texts[index]!;
    texts[index] = text.slice(0, Math.max(0, text.length - left));
    left -= text.length;
  }
}
