/** A schema that is small and takes minutes or gigabytes to compile or to write, and one like it that is fine. */
export interface SchemaBomb {
  readonly name: string;
  /** Refused, with an error that matches. */
  readonly bomb: object;
  readonly says: RegExp;
  /** Compiles, and answers can be held to it. */
  readonly fine: object;
}

const tooManyOpen = /more than 512 alternatives open at one place/;
const tooLarge = /too large to be enforced/;

/** Definitions that each refer to the next; the last is a short text. */
const levels = (
  count: number,
  of: (next: object, level: number) => object,
  last: object = { const: "x" },
): object => ({
  $ref: "#/$defs/d0",
  $defs: Object.fromEntries(
    range(count + 1, (level) => [
      `d${level}`,
      level === count ? last : of({ $ref: `#/$defs/d${level + 1}` }, level),
    ]),
  ),
});

const range = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));

/** Arrays that differ in their last item only: which one it is stays open in all levels until the first closes. */
const arrays = (kinds: number, item: object): object[] =>
  range(kinds, (kind) => ({
    type: "array",
    prefixItems: [item, { const: kind }],
    items: false,
    minItems: 2,
  }));

const properties = (count: number, of: (index: number) => object = () => ({ const: 1 })): object => ({
  type: "object",
  properties: Object.fromEntries(range(count, (index) => [`p${index}`, of(index)])),
});

const nestedRepeats = (depth: number, each: string): object => ({
  type: "string",
  pattern: `^${"(".repeat(depth)}a${`${each})`.repeat(depth)}$`,
});

/** The ways to stop an engine by a schema of a few hundred bytes to 64 KiB. */
export const schemaBombs: readonly SchemaBomb[] = [
  {
    name: "definitions that each refer twice to the next",
    bomb: levels(40, (next) => ({ anyOf: [next, next] })),
    says: /ways to get from one of its parts to another/,
    fine: levels(13, (next) => ({ anyOf: [next, next] })),
  },
  {
    name: "definitions that each refer to the next by three types",
    bomb: levels(30, (next) => ({ anyOf: [next, { oneOf: [next, next] }, { const: 1 }] })),
    says: /ways to get from one of its parts to another/,
    fine: levels(7, (next) => ({ anyOf: [next, { oneOf: [next, next] }, { const: 1 }] })),
  },
  {
    name: "arrays in arrays, of two kinds in each of 30 levels",
    bomb: levels(30, (next) => ({ anyOf: arrays(2, next) })),
    says: tooManyOpen,
    fine: levels(6, (next) => ({ anyOf: arrays(2, next) })),
  },
  {
    name: "arrays of ten kinds that hold themselves",
    bomb: {
      $ref: "#/$defs/v",
      $defs: { v: { anyOf: [...arrays(10, { $ref: "#/$defs/v" }), { const: 1 }] } },
    },
    says: tooManyOpen,
    fine: { $ref: "#/$defs/v", $defs: { v: { anyOf: [...arrays(1, { $ref: "#/$defs/v" }), { const: 1 }] } } },
  },
  {
    name: "repetitions of repetitions",
    bomb: nestedRepeats(5, "{1,30}"),
    says: tooManyOpen,
    fine: nestedRepeats(2, "{1,16}"),
  },
  {
    name: "repetitions that may be empty, of such repetitions",
    bomb: nestedRepeats(6, "{0,9}"),
    says: /too large|more than 512/,
    fine: nestedRepeats(2, "{0,9}"),
  },
  {
    name: "2,000 optional properties",
    bomb: properties(2000),
    says: tooManyOpen,
    fine: properties(400),
  },
  {
    name: "700 patterns that begin alike",
    bomb: { type: "string", pattern: `^(${range(700, (index) => `a{1,3}${index}`).join("|")})$` },
    says: tooManyOpen,
    fine: { type: "string", pattern: `^(${range(100, (index) => `a{1,3}${index}`).join("|")})$` },
  },
  {
    name: "parts that each refer to all of the next twice",
    bomb: levels(30, (next) => ({ allOf: [next, next] })),
    says: /too large|too deeply/,
    fine: levels(6, (next) => ({ allOf: [next, next] })),
  },
  {
    name: "700 parts with properties of their own",
    bomb: {
      allOf: range(700, (part) => ({ properties: { [`a${part}`]: {}, [`b${part}`]: {}, [`c${part}`]: {} } })),
    },
    says: tooLarge,
    fine: {
      allOf: range(60, (part) => ({ properties: { [`a${part}`]: {}, [`b${part}`]: {}, [`c${part}`]: {} } })),
    },
  },
  {
    name: "2,000 values, each held to 500 patterns",
    bomb: {
      enum: range(2000, (index) => `v${index}`),
      anyOf: range(500, (index) => ({ pattern: `^v${index}$` })),
    },
    says: tooLarge,
    fine: {
      enum: range(2000, (index) => `v${index}`),
      anyOf: range(20, (index) => ({ pattern: `^v${index}` })),
    },
  },
  {
    name: "a chain of 1,000 references",
    bomb: levels(1000, (next) => next),
    says: /too many references/,
    fine: levels(400, (next) => next),
  },
  {
    name: "references among alternatives and parts that multiply",
    bomb: levels(12, (next, level) => ({ anyOf: [next, next, next], minLength: level }), { type: "string" }),
    says: tooLarge,
    fine: levels(4, (next, level) => ({ anyOf: [next, next, next], minLength: level }), { type: "string" }),
  },
  {
    name: "500 ranges of fractions",
    bomb: {
      anyOf: range(500, (index) => ({
        type: "number",
        minimum: index + 0.56789,
        maximum: 987654321.123456 + index,
      })),
    },
    says: /too large|more than 512/,
    fine: {
      anyOf: range(8, (index) => ({
        type: "number",
        minimum: index + 0.56789,
        maximum: 987654321.123456 + index,
      })),
    },
  },
  {
    name: "60 arrays of 60,000 items",
    bomb: properties(60, (index) => ({ type: "array", minItems: 60_000 + index, items: { const: 1 } })),
    says: tooLarge,
    fine: properties(8, (index) => ({ type: "array", minItems: 60_000 + index, items: { const: 1 } })),
  },
];
