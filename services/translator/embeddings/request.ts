import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  type Generation,
  GenerationSchema,
  type RawPromptSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toFault } from "../chat/request/to-fault.ts";
import { refuseUnknownKeys } from "../chat/request/unknown-keys.ts";
import { integer, object, optional, text, word } from "../chat/request/vocabulary.ts";
import {
  arrayTooLong,
  emptyArray,
  emptyString,
  missing,
  wrongType,
  wrongValue,
} from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { defaultRules, type RequestRules } from "../request-rules.ts";

/** A request for embeddings, checked. */
export interface EmbeddingsRequest {
  /** What to embed; without id and caller. */
  readonly generation: Generation;
  /** How vectors are written: as numbers, or as the bytes of 32-bit floats, little-endian, in base64. */
  readonly encoding: "float" | "base64";
  /** How many numbers of each vector are wanted; undefined for all. */
  readonly dimensions: number | undefined;
}

type Input = MessageInitShape<typeof RawPromptSchema>;

/** The most inputs of one request. */
export const mostInputs = 2048;
/** Token ids are 32-bit numbers in every vocabulary. */
export const largestToken = 0xffff_ffff;

/** The body of a request, but for `input`. */
export const embeddingsRequestSchema = object({
  model: text,
  dimensions: optional(integer(1)),
  encoding_format: optional(word("float", "base64")),
  user: optional(text),
});

const schema = z.compile(embeddingsRequestSchema);

/** Checks a body against OpenAI's rules and translates it. Throws the first fault. */
export function parseEmbeddingsRequest(
  raw: JsonObject,
  rules: RequestRules = defaultRules,
): EmbeddingsRequest {
  if (raw.model === undefined || raw.model === null || raw.model === "")
    throw new MeshError("invalid_request", "you must provide a model parameter");
  if (raw.input === undefined || raw.input === null) throw missing("input");
  if (rules.strictKeys) refuseUnknownKeys(embeddingsRequestSchema, raw, ["input"]);
  const inputs = parseInput(raw.input);
  const { data: body, error } = schema.safeParse(raw);
  if (error !== undefined) throw toFault(error.issues[0]!, raw);
  return {
    generation: create(GenerationSchema, { model: body.model, embedding: { inputs } }),
    encoding: body.encoding_format ?? "float",
    dimensions: body.dimensions ?? undefined,
  };
}

/** A text, a list of texts, a list of tokens, or a list of such lists. */
function parseInput(input: unknown): Input[] {
  if (!Array.isArray(input)) return [toText("input", input)];
  if (input.length === 0) throw emptyArray("input");
  if (input.every((item) => typeof item === "number")) return [toTokens("input", input)];
  if (input.length > mostInputs) throw arrayTooLong("input", mostInputs, input.length);
  return input.map((item, index) =>
    Array.isArray(item) ? toTokens(`input[${index}]`, item) : toText(`input[${index}]`, item),
  );
}

function toText(param: string, value: unknown): Input {
  if (typeof value !== "string") throw wrongType(param, "a string or an array", value);
  if (value === "") throw emptyString(param);
  return { prompt: { case: "text", value: value.toWellFormed() } };
}

function toTokens(param: string, ids: readonly unknown[]): Input {
  if (ids.length === 0) throw emptyArray(param);
  const wrong = ids.findIndex((id) => typeof id !== "number");
  if (wrong >= 0) throw wrongType(`${param}[${wrong}]`, "an integer", ids[wrong]);
  const foreign = ids.findIndex((id) => !Number.isInteger(id) || Number(id) < 0 || Number(id) > largestToken);
  if (foreign >= 0)
    throw wrongValue(`${param}[${foreign}]`, `Invalid '${param}[${foreign}]': ${ids[foreign]} is no token.`);
  return { prompt: { case: "tokens", value: { ids: ids as number[] } } };
}
