import { anyOf, literal } from "./grammar-builder.ts";

/** Expressions for the whole numbers from `low` to `high`, both included, without leading zeros. */
export function integersBetween(low: bigint, high: bigint): string[] {
  const negative = low < 0n ? naturals(high < 0n ? -high : 1n, -low).map((digits) => `"-" ${digits}`) : [];
  const natural = high >= 0n ? naturals(low < 0n ? 0n : low, high) : [];
  return [...negative, ...natural];
}

/** Expressions for 0 ≤ `low` to `high`. */
export function naturals(low: bigint, high: bigint): string[] {
  const options: string[] = [];
  for (let from = low; from <= high; ) {
    const length = from.toString().length;
    const longest = 10n ** BigInt(length) - 1n;
    const to = longest < high ? longest : high;
    options.push(sameLength(from.toString(), to.toString()));
    from = to + 1n;
  }
  return options;
}

/** An expression for all texts of digits from `low` to `high`, which have the same length. */
export function sameLength(low: string, high: string): string {
  if (low === "") return '""';
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const rest = lowRest.length;
  const zeros = "0".repeat(rest);
  const nines = "9".repeat(rest);
  if (first === last) return join(literal(low[0]!), sameLength(lowRest, highRest));
  const [lowWhole, highWhole] = [lowRest === zeros, highRest === nines];
  const options: string[] = [];
  if (!lowWhole) options.push(join(literal(low[0]!), sameLength(lowRest, nines)));
  const [middleFrom, middleTo] = [lowWhole ? first : first + 1, highWhole ? last : last - 1];
  if (middleFrom <= middleTo) options.push(join(digit(middleFrom, middleTo), anyDigits(rest)));
  if (!highWhole) options.push(join(literal(high[0]!), sameLength(zeros, highRest)));
  return anyOf(options);
}

/** One digit. */
export const digit = (from: number, to: number): string => (from === to ? `"${from}"` : `[${from}-${to}]`);

const anyDigits = (count: number): string => (count === 0 ? '""' : `[0-9]{${count}}`);

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '""').join(" ") || '""';
