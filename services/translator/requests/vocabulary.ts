import { z } from "zod";
import { longest, mostMessages } from "../../../core/generation/bounds.ts";
import { isJsonObject } from "../../../core/json.ts";
import type { NumberNoun } from "../errors/param-faults.ts";

// Building blocks of request schemas. A schema's `error` is a noun phrase for what it expects (`a string`), from
// which `describeIssue` builds the sentence; a bound's is OpenAI's noun for the number (`integer`, `decimal`).
// `meta` describes checks that JSON Schema cannot see.

export const text = z.string({ error: "a string" });

export const nonEmptyText = text.min(1);
export const model = text
  .max(longest.model)
  .describe("ID of the model to use. `GET /models` lists the models that are served.");

export const flag = z.boolean({ error: "a boolean" });

export const integer = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  z
    .number({ error: "an integer" })
    .refine(Number.isInteger, { error: "an integer", abort: true })
    .gte(least, { error: wholes, abort: true })
    .lte(most, { error: wholes, abort: true })
    .meta({ type: "integer" });

export const decimal = (least: number, most: number) =>
  z
    .number({ error: "a decimal" })
    .gte(least, { error: decimals, abort: true })
    .lte(most, { error: decimals, abort: true });

export const decimalAbove = (bound: number) =>
  z.number({ error: "a decimal" }).gt(bound, { error: decimals });

export const word = <const Words extends readonly [string, ...string[]]>(...words: Words) => z.enum(words);

/** An array; `elements` is a plural such as `objects`. */
export const arrayOf = <Element extends z.ZodType>(element: Element, elements: string) =>
  z.array(element, { error: `an array of ${elements}` });

/** An object with known keys; others are ignored. */
export const object = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape, { error: "an object" });

/** Objects that are told apart by their `type`. */
export const byType = <
  const Types extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
>(
  ...types: Types
) => z.discriminatedUnion("type", types, { error: "an object" });

/** Content: a text, or a list of parts. */
export const textOr = <Part extends z.ZodType>(part: Part) =>
  z.union([text, arrayOf(part, "objects").max(mostMessages)], {
    error: "one of a string or array of objects",
  });

/** Any object, not copied, so that the order of its keys survives. */
export const anyObject = z
  .custom<Readonly<Record<string, unknown>>>(isJsonObject, { error: "an object" })
  .meta({ type: "object" });

/** Key-value pairs that are returned with the answer. */
export const metadata = z.record(z.string().max(64), text.max(512), { error: "an object" });

/** An optional parameter; null means absent, everywhere. */
export const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish();

/** A parameter that is accepted and has no effect. */
export const ignored = <Schema extends z.ZodType>(schema: Schema) =>
  optional(schema).describe("Accepted for compatibility; has no effect.");

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
