import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { ToImageFault } from "../images/parse-image.ts";
import type { ErrorCode } from "./envelope.ts";

// Errors of parameters, in OpenAI's words. `param` is a path such as `messages[0].role`.

export const missing = (param: string) =>
  fault("missing_required_parameter", param, `Missing required parameter: '${param}'.`);

/** A value has the wrong type; `expected` is a noun phrase such as `a decimal`. */
export const wrongType = (param: string, expected: string, value: unknown) =>
  fault(
    "invalid_type",
    param,
    `Invalid type for '${param}': expected ${expected}, but got ${describeType(value)} instead.`,
  );

/** A value is none of the supported words. */
export const unknownValue = (param: string, value: string, supported: readonly string[]) =>
  fault(
    "invalid_value",
    param,
    `Invalid value: '${shorten(value)}'. Supported values are: ${list(supported.map(quote), "and")}.`,
  );

/** A value is invalid; `message` is the whole sentence. */
export const wrongValue = (param: string, message: string) => fault("invalid_value", param, message);

/** OpenAI distinguishes integers from decimals by the parameter's type, not by the value. */
export type NumberNoun = "integer" | "decimal";

/** A number is below its bound, written as `>= 0`. */
export const belowMinimum = (param: string, noun: NumberNoun, bound: string, value: unknown) =>
  outOfBounds(`${noun}_below_min_value`, param, `${noun} below minimum value`, `a value ${bound}`, value);

/** A number is above its bound, written as `<= 2`. */
export const aboveMaximum = (param: string, noun: NumberNoun, bound: string, value: unknown) =>
  outOfBounds(`${noun}_above_max_value`, param, `${noun} above maximum value`, `a value ${bound}`, value);

export const emptyArray = (param: string) =>
  outOfBounds("empty_array", param, "empty array", "an array with minimum length 1", "an empty array");

export const arrayTooLong = (param: string, limit: number, length: number) =>
  tooLong("array_above_max_length", param, "array", limit, length);

export const emptyString = (param: string) =>
  outOfBounds("empty_string", param, "empty string", "a string with minimum length 1", "an empty string");

export const stringTooLong = (param: string, limit: number, length: number) =>
  tooLong("string_above_max_length", param, "string", limit, length);

export const tooManyProperties = (param: string, limit: number, count: number) =>
  outOfBounds(
    "object_above_max_properties",
    param,
    "too many properties",
    `an object with at most ${limit} properties`,
    `an object with ${count} properties`,
  );

export const wrongPattern = (param: string, pattern: string) =>
  wrongValue(
    param,
    `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${pattern}'.`,
  );

/** An unknown parameter, and the one that was probably meant. */
export const unknownParameter = (param: string, suggestion: string | undefined) =>
  fault(
    "unknown_parameter",
    param,
    `Unknown parameter: '${param}'.${suggestion === undefined ? "" : ` Did you mean '${suggestion}'?`}`,
  );

export const unsupportedParameter = (param: string) =>
  fault(
    "unsupported_parameter",
    param,
    `Unsupported parameter: '${param}' is not supported with this model.`,
  );

/** A value is not supported; others of the same parameter are. */
export const unsupportedValue = (param: string, value: string, supported: string) =>
  fault(
    "unsupported_value",
    param,
    `Unsupported value: '${param}' does not support '${value}' with this model. Only ${supported} is supported.`,
  );

/** The parameters of a function are not a valid schema; `problem` completes the sentence. */
export const wrongFunctionSchema = (param: string, name: string, problem: string) =>
  fault("invalid_function_parameters", param, `Invalid schema for function '${name}': ${problem}`);

/** An image cannot be loaded, or has an unsupported format. */
export const wrongImage =
  (param: string): ToImageFault =>
  ({ code, message }) =>
    fault(
      code,
      param,
      code === "invalid_image_format"
        ? "You uploaded an unsupported image. Please make sure that it has one of the following formats: ['png', 'jpeg', 'gif', 'webp']."
        : `Invalid image URL: ${message}`,
    );

/** No node serves a model of this name. */
export const modelNotFound = (model: string) =>
  new MeshError(
    "model_not_found",
    `The model \`${shorten(model)}\` does not exist or you do not have access to it.`,
  );

/** Reports a model that is not served in OpenAI's words; returns other errors unchanged. */
export const namingModel =
  (model: string) =>
  (error: MeshError): MeshError =>
    error.kind === "model_not_found" ? modelNotFound(model) : error;

/** Parameters contradict each other; OpenAI gives no code for that. */
export const wrongMeaning = (param: string, message: string) =>
  new MeshError("invalid_request", message, { param });

const tooLong = (code: ErrorCode, param: string, noun: "array" | "string", limit: number, length: number) => {
  const article = noun === "array" ? "an array" : "a string";
  const expected = `${article} with maximum length ${limit}`;
  return outOfBounds(code, param, `${noun} too long`, expected, `${article} with length ${length}`);
};

const outOfBounds = (code: ErrorCode, param: string, what: string, expected: string, got: unknown) =>
  fault(code, param, `Invalid '${param}': ${what}. Expected ${expected}, but got ${got} instead.`);

const fault = (code: ErrorCode, param: string, message: string) =>
  new MeshError("invalid_request", message, { code, param });

/** The type of a JSON value, as OpenAI's messages name it. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  switch (typeof value) {
    case "number":
      return Number.isInteger(value) ? "an integer" : "a decimal number";
    case "object":
      return "an object";
    default:
      return `a ${typeof value}`;
  }
}

/** `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`. */
export function list(words: readonly string[], conjunction: "and" | "or"): string {
  if (words.length < 3) return words.join(` ${conjunction} `);
  return `${words.slice(0, -1).join(", ")}, ${conjunction} ${words.at(-1)}`;
}

export const quote = (word: string): string => `'${word}'`;

/** Echoed values are cut: they may be megabytes long. */
export const shorten = (value: string): string => (value.length > 100 ? `${value.slice(0, 100)}…` : value);
