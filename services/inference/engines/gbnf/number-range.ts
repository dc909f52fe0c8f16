import { anyOf, literal } from "./grammar-builder.ts";

/** Bounds of a number as in JSON Schema. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

/** An expression for the integers within bounds; undefined when there are none. */
export function integerExpression(bounds: NumberBounds): string | undefined {
  const { low, high } = integerRange(bounds);
  const options = low <= high ? integersBetween(low, high) : [];
  return options.length === 0 ? undefined : anyOf(options);
}

/** An expression for integers and decimal fractions within bounds, without exponents; undefined when there are none. */
export function numberExpression(bounds: NumberBounds): string | undefined {
  const integers = integerExpression(bounds);
  const options = [
    ...(integers === undefined ? [] : [integers]),
    ...positiveFractions(lowerBound(bounds), upperBound(bounds)),
    ...positiveFractions(
      negate(upperBound(bounds)) ?? { value: 0, included: false },
      negate(lowerBound(bounds)),
    ).map((fraction) => `"-" ${fraction}`),
  ];
  return options.length === 0 ? undefined : anyOf(options);
}

interface Bound {
  readonly value: number;
  readonly included: boolean;
}

function lowerBound({ minimum, exclusiveMinimum }: NumberBounds): Bound | undefined {
  if (exclusiveMinimum !== undefined && (minimum === undefined || exclusiveMinimum >= minimum))
    return { value: exclusiveMinimum, included: false };
  return minimum === undefined ? undefined : { value: minimum, included: true };
}

function upperBound({ maximum, exclusiveMaximum }: NumberBounds): Bound | undefined {
  if (exclusiveMaximum !== undefined && (maximum === undefined || exclusiveMaximum <= maximum))
    return { value: exclusiveMaximum, included: false };
  return maximum === undefined ? undefined : { value: maximum, included: true };
}

const negate = (bound: Bound | undefined): Bound | undefined => bound && { ...bound, value: -bound.value };

function integerRange(bounds: NumberBounds): { low: bigint; high: bigint } {
  const lower = lowerBound(bounds);
  const upper = upperBound(bounds);
  const low = lower === undefined ? -furthest : firstInteger(lower);
  const high = upper === undefined ? furthest : -firstInteger(negate(upper)!);
  // A range that reaches beyond `furthest` ends there, or a thousandfold beyond its other end.
  return {
    low: high < -furthest ? (lower === undefined ? high * 1000n : low) : larger(low, -furthest),
    high: low > furthest ? (upper === undefined ? low * 1000n : high) : -larger(-high, -furthest),
  };
}

const larger = (first: bigint, second: bigint): bigint => (first > second ? first : second);

function firstInteger({ value, included }: Bound): bigint {
  const up = BigInt(Math.ceil(value));
  return !included && Number.isInteger(value) ? up + 1n : up;
}

/** Fractions of at least 0 with no final 0: `2.5` is strictly between 2 and 3; whole bounds need no care. */
function positiveFractions(lower: Bound | undefined, upper: Bound | undefined): string[] {
  const from = Math.max(0, lower?.value ?? 0);
  if (upper !== undefined && upper.value <= from) return [];
  const low = decimal(from);
  const high = upper && decimal(upper.value);
  if (low === undefined || (upper !== undefined && high === undefined)) return [];
  if (high !== undefined && high.whole === low.whole)
    return fractions(low.whole, low.fraction, high.fraction);
  const lastWhole = high === undefined ? 10n ** 15n : high.whole - 1n;
  const options: string[] = [];
  let firstWhole = low.whole;
  if (low.fraction !== "") {
    options.push(...fractions(low.whole, low.fraction));
    firstWhole++;
  }
  if (firstWhole <= lastWhole) options.push(`${anyOf(naturals(firstWhole, lastWhole))} "." ${anyFraction}`);
  if (high !== undefined && high.fraction !== "") options.push(...fractions(high.whole, "", high.fraction));
  return options;
}

function fractions(whole: bigint, low: string, high?: string): string[] {
  return [`"${whole}." ${anyOf(fractionsBetween(low, high))}`];
}

/** Digits f, the last not 0, with 0.low < 0.f < 0.high, where low < high; without `high`, below 1. */
function fractionsBetween(low: string, high?: string): string[] {
  if (low === "" && high === undefined) return [anyFraction];
  const from = Number(low[0] ?? 0);
  const to = high === undefined ? 10 : Number(high[0]);
  const starting = (first: number, ...rest: Parameters<typeof fractionsBetween>) =>
    fractionsBetween(...rest).map((digits) => `"${first}" ${digits}`);
  if (from === to) return starting(from, low.slice(1), high?.slice(1));
  const options = starting(from, low.slice(1));
  if (from + 1 < to) options.push(`${digit(from + 1, to - 1)} (${anyFraction})?`);
  if (high !== undefined && high.length > 1) options.push(`"${to}"`, ...starting(to, "", high.slice(1)));
  return options;
}

/** The digits before and after the point of a number of at least 0; undefined when there are too many. */
function decimal(value: number): { whole: bigint; fraction: string } | undefined {
  if (value >= 1e15) return { whole: BigInt(Math.floor(value)), fraction: "" };
  const [whole, fraction = ""] = value.toFixed(12).split(".");
  if (Number(`${whole}.${fraction}`) !== value) return undefined;
  return { whole: BigInt(whole!), fraction: fraction.replace(/0+$/, "") };
}

/** One to twelve digits, the last not 0. */
const anyFraction = "[0-9]{0,11} [1-9]";

const furthest = 10n ** 16n - 1n;

/** Expressions for the integers from `low` to `high`, both included, without leading zeros. */
function integersBetween(low: bigint, high: bigint): string[] {
  const negative = low < 0n ? naturals(high < 0n ? -high : 1n, -low).map((digits) => `"-" ${digits}`) : [];
  const natural = high >= 0n ? naturals(low < 0n ? 0n : low, high) : [];
  return [...negative, ...natural];
}

function naturals(low: bigint, high: bigint): string[] {
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

/** An expression for the digits from `low` to `high`, which are equally long. */
function sameLength(low: string, high: string): string {
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

const digit = (from: number, to: number): string => (from === to ? `"${from}"` : `[${from}-${to}]`);

const anyDigits = (count: number): string => (count === 0 ? '""' : `[0-9]{${count}}`);

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '""').join(" ") || '""';
