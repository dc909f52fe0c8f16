import { z } from "zod";
import { isJsonObject } from "../../../core/json.ts";
import type { NumberNoun } from "../errors/param-faults.ts";

// The words that request schemas are written in. A schema's `error` is not a sentence: it is the noun phrase of
// what the schema expects (`a string`), from which `describeIssue` makes the sentence of a surface. A bound's is
// OpenAI's noun for the number (`integer`, `decimal`). What JSON Schema cannot see in a check, `meta` says.

export const text = z.string({ error: "a string" });

export const nonEmptyText = text.min(1);
/** Which model answers. */
export const model = text.describe("ID of the model to use. `GET /models` lists the models that are served.");

export const flag = z.boolean({ error: "a boolean" });

/** A whole number within bounds. */
export const integer = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  z
    .number({ error: "an integer" })
    .refine(Number.isInteger, { error: "an integer" })
    .gte(least, { error: wholes })
    .lte(most, { error: wholes })
    .meta({ type: "integer" });

/** A number within bounds, both included. */
export const decimal = (least: number, most: number) =>
  z.number({ error: "a decimal" }).gte(least, { error: decimals }).lte(most, { error: decimals });

/** A number above a bound. */
export const decimalAbove = (bound: number) =>
  z.number({ error: "a decimal" }).gt(bound, { error: decimals });

/** One of some words. */
export const word = <const Words extends readonly [string, ...string[]]>(...words: Words) => z.enum(words);

/** An array; `elements` is a plural such as `objects`. */
export const arrayOf = <Element extends z.ZodType>(element: Element, elements: string) =>
  z.array(element, { error: `an array of ${elements}` });

/** An object with known keys; others are ignored. */
export const object = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape, { error: "an object" });

/** Any object; passed on as it came, so that the order of its keys survives. */
export const anyObject = z
  .custom<Readonly<Record<string, unknown>>>(isJsonObject, { error: "an object" })
  .meta({ type: "object" });

/** Pairs of short texts that come back with the answer. */
export const metadata = z.record(z.string().max(64), text.max(512), { error: "an object" });

/** A parameter that may be left out; null is the same as absent, everywhere. */
export const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish();

/** A parameter that clients send and that changes nothing here. */
export const ignored = <Schema extends z.ZodType>(schema: Schema) =>
  optional(schema).describe("Accepted for compatibility; has no effect.");

/** Descriptions that parameters of several surfaces have in common. */
export const descriptions = {
  tools: "Functions that the model may call.",
  toolChoice: "Controls whether the model may, must or must not call tools, and which of them.",
  parallelToolCalls: "Whether the model may call several tools in one answer.",
  outputFormat: "The format of the output: text, any JSON object, or JSON that matches a schema.",
  chatTemplate: "Passed to the model's chat template.",
};

/** Parameters by which open servers constrain the output; none of them is supported. */
export const outputConstraints: readonly string[] = [
  "guided_json",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
  "structured_outputs",
  "grammar",
];

/** Whether a parameter was sent with a value. */
export const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;

const wholes: NumberNoun = "integer";
const decimals: NumberNoun = "decimal";
