import { GrammarWalk } from "./grammar-walk.ts";
import { isRule, type Position, parseGbnf, type Rule } from "./parse-gbnf.ts";
import { SchemaError } from "./schema.ts";

/**
 * Refuses a grammar on which llama.cpp would work for long, in loading it or in writing: native work cannot
 * be stopped, and a few hundred bytes are enough for minutes of it. Each step takes at most about 20 ms.
 * Throws `SchemaError`.
 */
export function* checkCost(gbnf: string): Generator<undefined, void, void> {
  const { root, rules } = parseGbnf(gbnf);
  yield;
  if (leftPaths(rules) > leftPathsLimit) throw tooManyPaths();
  yield;
  let steps = 0;
  // What is far behind the beginning counts from its own.
  for (const rule of outermostFirst(root)) {
    if (steps > stepsLimit) return;
    if (rule.named) steps += lookAhead(rule);
  }
}

function outermostFirst(root: Rule): Set<Rule> {
  const found = new Set([root]);
  // A set that is added to while it is read is read to its new end.
  for (const { alternatives } of found)
    for (const first of alternatives)
      for (let position = first; position !== undefined; position = position.next)
        if (isRule(position.takes)) found.add(position.takes);
  return found;
}

/** Looks ahead from the beginning of a rule; returns how many steps that took. */
function lookAhead(rule: Rule): number {
  const walk = new GrammarWalk(rule);
  walk.lookAhead(charactersAhead);
  return walk.steps;
}

/**
 * How many steps lead from rule to rule before any character: a product over rules that refer to each other
 * first. llama.cpp's search for left recursion takes them all, some ten million per second.
 */
function leftPaths(rules: readonly Rule[]): number {
  const paths = new Map<Rule, number>();
  let total = 0;
  for (const rule of rules) if (!paths.has(rule)) total += countFrom(rule, paths);
  return total;
}

/** Counts without recursion, because rules refer to each other in chains of thousands. */
function countFrom(start: Rule, paths: Map<Rule, number>): number {
  const open = new Set<Rule>();
  const todo = [start];
  for (let rule = todo.at(-1); rule !== undefined; rule = todo.at(-1)) {
    const first = firstRules(rule);
    const missing = first.filter((one) => !paths.has(one));
    if (paths.has(rule) || missing.length === 0) {
      todo.pop();
      open.delete(rule);
      if (!paths.has(rule))
        paths.set(
          rule,
          Math.min(
            unlimited,
            first.reduce((sum, one) => sum + paths.get(one)! + 1, 0),
          ),
        );
      continue;
    }
    open.add(rule);
    if (missing.some((one) => open.has(one))) throw new SchemaError("", "refers to itself without end");
    for (const one of missing) todo.push(one);
  }
  return paths.get(start)!;
}

/** The rules that may come first in a rule: also what follows a rule that may be empty. */
function firstRules({ alternatives }: Rule): Rule[] {
  const found: Rule[] = [];
  for (const first of alternatives)
    for (let position: Position | undefined = first; position !== undefined; position = position.next) {
      if (!isRule(position.takes)) break;
      found.push(position.takes);
      if (!position.takes.alternatives.includes(undefined)) break;
    }
  return found;
}

const tooManyPaths = (): SchemaError =>
  new SchemaError(
    "",
    `has more than ${leftPathsLimit} ways to get from one of its parts to another before any text: let fewer alternatives refer to the same part`,
  );

/** About 5 ms. */
const leftPathsLimit = 65_536;
const unlimited = 1e9;

/**
 * More than any level of arrays or letters of a pattern that still can be enforced, and little enough for
 * objects that hold themselves: they need many characters for each level.
 */
const charactersAhead = 64;
/** Of looking ahead: about 5 ms. What is not found before that is, in writing. */
const stepsLimit = 65_536;
