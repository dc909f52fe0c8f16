import { type CharacterSet, isRule, type Position, type Rule } from "./parse-gbnf.ts";
import { SchemaError } from "./schema.ts";

/**
 * Follows a text through a grammar with the same stacks as llama.cpp, which looks at every stack for every
 * token of a vocabulary, and compares each new one with all others. So their number is what a grammar costs;
 * it can grow with each character, by a factor where alternatives begin alike.
 */
export class GrammarWalk {
  #stacks: Stack[] = [];
  #steps = 0;

  /** Starts at the beginning. Throws `SchemaError` where that alone has too many stacks. */
  constructor(root: Rule) {
    const bottom: Stack = { top: undefined, below: undefined, above: new Map(), seen: 0 };
    this.#stacks = this.#settle(root.alternatives.map((first) => push(bottom, first)));
  }

  /** A walk that goes on from here by itself. */
  clone(): GrammarWalk {
    const copy = new GrammarWalk({ alternatives: [], named: false });
    copy.#stacks = this.#stacks;
    return copy;
  }

  /** How many ways to read the text so far are still open; 0 when it does not match. */
  get open(): number {
    return this.#stacks.length;
  }

  /** Whether the text so far may be all. */
  get complete(): boolean {
    return this.#stacks.some(({ top }) => top === undefined);
  }

  /** Rule references and characters looked at so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Takes more text. Throws `SchemaError` where that leaves more than `openLimit` ways open. */
  take(text: string): void {
    for (const character of text) this.#stacks = this.#after(character.codePointAt(0)!);
  }

  /**
   * Looks ahead along the characters that leave the most ways open, `depth` of them at the most. Throws
   * `SchemaError` where these are more than `openLimit`.
   */
  lookAhead(depth: number): void {
    const here = this.#stacks;
    const until = this.#steps + lookAheadSteps;
    try {
      for (let index = 0; index < depth && this.#steps < until; index++) {
        let widest: Stack[] = [];
        for (const codePoint of samples(this.#stacks)) {
          const stacks = this.#after(codePoint);
          if (stacks.length > widest.length) widest = stacks;
        }
        if (widest.length === 0) return;
        this.#stacks = widest;
      }
    } finally {
      this.#stacks = here;
    }
  }

  #after(codePoint: number): Stack[] {
    const next: Stack[] = [];
    for (const { top, below } of this.#stacks) {
      this.#steps++;
      if (top !== undefined && contains(top.takes as CharacterSet, codePoint))
        next.push(push(below!, top.next));
    }
    return this.#settle(next);
  }

  /** Replaces rules on top by their alternatives, until each stack is at a character or empty. */
  #settle(todo: Stack[]): Stack[] {
    const turn = ++latestTurn;
    const settled: Stack[] = [];
    const limit = this.#steps + settleSteps;
    for (let stack = todo.pop(); stack !== undefined; stack = todo.pop()) {
      if (stack.seen === turn) continue;
      stack.seen = turn;
      const { top, below } = stack;
      if (top === undefined || !isRule(top.takes)) {
        settled.push(stack);
        if (settled.length > openLimit) throw tooManyOpen();
        continue;
      }
      const then = push(below!, top.next);
      for (const first of top.takes.alternatives) todo.push(push(then, first));
      this.#steps += top.takes.alternatives.length;
      if (this.#steps > limit) throw tooManyOpen();
    }
    return settled;
  }
}

/** Turns of all walks: copies share stacks. */
let latestTurn = 0;

/** Equal stacks are one object. `seen`: the turn that met it last. */
interface Stack {
  readonly top: Position | undefined;
  readonly below: Stack | undefined;
  readonly above: Map<Position, Stack>;
  seen: number;
}

function push(below: Stack, top: Position | undefined): Stack {
  if (top === undefined) return below;
  let stack = below.above.get(top);
  if (stack === undefined) {
    stack = { top, below, above: new Map(), seen: 0 };
    below.above.set(top, stack);
  }
  return stack;
}

function contains({ negated, ranges }: CharacterSet, codePoint: number): boolean {
  for (let index = 0; index < ranges.length; index += 2)
    if (ranges[index]! <= codePoint && codePoint <= ranges[index + 1]!) return !negated;
  return negated;
}

/** A character of each of the first few different sets. */
function samples(stacks: readonly Stack[]): Set<number> {
  const found = new Set<number>();
  for (const { top } of stacks) {
    if (found.size >= samplesLimit) break;
    if (top === undefined) continue;
    const { negated, ranges } = top.takes as CharacterSet;
    found.add(negated ? letterA : ranges[0]!);
  }
  return found;
}

const letterA = 0x61;
const samplesLimit = 16;

/** The refusal of a grammar with more. */
export const tooManyOpen = (): SchemaError =>
  new SchemaError(
    "",
    `leaves more than ${openLimit} alternatives open at one place: let alternatives differ at their beginning, or offer fewer`,
  );

/**
 * Ways that may be open at one place. llama.cpp takes about 20 ms for a character with 512, of which none is
 * shallow, and the square of that for more.
 */
export const openLimit = 512;
/** Rules that may be looked into at one place. */
const settleSteps = 32_768;
const lookAheadSteps = 16_384;
