import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { tokenAt, tokenTexts } from "./text.ts";

/** The course of one answer, known before its first token because the text is a pure function. */
export interface Plan {
  /** Tokens of the whole answer, thoughts included. */
  readonly tokens: number;
  /** How many of them are thoughts; those come first. */
  readonly thoughtTokens: number;
  readonly reason: FinishReason;
  /** The stop text that ends it; empty when none does. */
  readonly stop: string;
  /** Text of the token at an index, without what a stop text takes away. */
  textOf(index: number): string;
  /** Id of the token at an index. */
  idOf(index: number): number;
}

/** What a plan is made from. */
export interface PlanOptions {
  readonly key: number;
  /** Tokens of thoughts before the answer. */
  readonly thoughtTokens: number;
  /** Tokens after the thoughts after which the answer ends of itself. */
  readonly answerTokens: number;
  /** At most so many tokens. */
  readonly maxTokens: number;
  /** Texts that end the answer and are left out of it. */
  readonly stop: readonly string[];
  /** Where the answer goes on when its beginning is part of the prompt: only what is new is planned then. */
  readonly from?: TextPosition | undefined;
}

/** A place in the text of an answer. */
export interface TextPosition {
  /** Tokens that end before it or there, thoughts included. */
  readonly tokens: number;
  /** What is before it of the token that it is inside of; empty between tokens. */
  readonly begun: string;
}

/** Plans the answer to the prompt with this key. */
export function planAnswer({ key, thoughtTokens, answerTokens, maxTokens, stop, from }: PlanOptions): Plan {
  const skipped = from?.tokens ?? 0;
  const ownEnd = thoughtTokens + answerTokens - skipped;
  const tokens = Math.min(ownEnd, maxTokens);
  const idOf = (index: number): number => idAt(key, thoughtTokens, skipped + index);
  const begun = from?.begun.length ?? 0;
  const course = {
    tokens,
    thoughtTokens: Math.min(Math.max(0, thoughtTokens - skipped), tokens),
    reason: ownEnd < maxTokens ? FinishReason.STOP : FinishReason.LENGTH,
    stop: "",
    textOf: (index: number): string => tokenTexts[idOf(index)]!.slice(index === 0 ? begun : 0),
    idOf,
  };
  return planStop(course, stop) ?? course;
}

/** The place behind this text, which begins where the thoughts end; undefined when it is not of this answer. */
export function positionBehind(
  text: string,
  { key, thoughtTokens, answerTokens }: Pick<PlanOptions, "key" | "thoughtTokens" | "answerTokens">,
): TextPosition | undefined {
  const end = thoughtTokens + answerTokens;
  const textAt = (index: number): string => tokenTexts[idAt(key, thoughtTokens, index)]!;
  let tokens = thoughtTokens;
  let at = 0;
  while (tokens < end && text.startsWith(textAt(tokens), at)) at += textAt(tokens++).length;
  const begun = text.slice(at);
  const isInside = begun === "" || (tokens < end && textAt(tokens).startsWith(begun));
  return isInside && begun.isWellFormed() ? { tokens, begun } : undefined;
}

/** Thoughts open with a word, and so does the answer after them. */
const idAt = (key: number, thoughtTokens: number, index: number): number =>
  tokenAt(key, index, index === 0 || index === thoughtTokens);

/**
 * The course up to the stop text that is complete first; of several complete at once the earliest counts. What is
 * thought ends nothing.
 */
function planStop(course: Plan, stop: readonly string[]): Plan | undefined {
  const stops = stop.filter((text) => text !== "");
  const longest = Math.max(0, ...stops.map((text) => text.length));
  if (longest === 0) return undefined;
  const { thoughtTokens } = course;
  const texts: string[] = [];
  let tail = "";
  for (let index = thoughtTokens; index < course.tokens; index++) {
    const added = course.textOf(index);
    texts.push(added);
    const window = tail + added;
    const starts = stops.map((wanted) => window.indexOf(wanted));
    const start = Math.min(...starts.filter((found) => found >= 0));
    if (start < window.length) {
      cutTail(texts, window.length - start);
      return {
        ...course,
        tokens: thoughtTokens + texts.length,
        reason: FinishReason.STOP,
        stop: stops[starts.indexOf(start)]!,
        textOf: (wanted) =>
          wanted < thoughtTokens ? course.textOf(wanted) : (texts[wanted - thoughtTokens] ?? ""),
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
