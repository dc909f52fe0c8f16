import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { z } from "zod";
import { bounds } from "../../../core/generation/bounds.ts";
import {
  type Generation,
  GenerationSchema,
  type RawPromptSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { arrayTooLong, emptyArray, emptyString, wrongType, wrongValue } from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { checkBody, defaultRules, type RequestRules, requireModel } from "../requests/check-body.ts";
import { refuseUnknownKeys } from "../requests/unknown-keys.ts";
import {
  arrayOf,
  ignored,
  integer,
  model,
  nonEmptyText,
  object,
  optional,
  text,
  word,
} from "../requests/vocabulary.ts";

/** A validated request for embeddings. */
export interface EmbeddingsRequest {
  /** Without id and caller. */
  readonly generation: Generation;
  /** As numbers, or as little-endian 32-bit floats in base64. */
  readonly encoding: "float" | "base64";
  /** Undefined for all. */
  readonly dimensions: number | undefined;
}

type Input = MessageInitShape<typeof RawPromptSchema>;

const maxInputs = 2048;

/** The body without `input`, which is validated first, and by hand. */
const checkedSchema = object({
  model,
  dimensions: optional(integer(1)).describe(
    "The number of dimensions the embeddings should have. Embeddings are cut to it and scaled to length 1.",
  ),
  encoding_format: optional(word("float", "base64")).meta({
    description: "The format of the embeddings: numbers, or 32-bit little-endian floats in base64.",
    default: "float",
  }),
  user: ignored(text),
});

const tokens = arrayOf(integer(...bounds.tokenId), "integers").min(1);

/** The whole body, for its description. */
export const embeddingsRequestSchema = checkedSchema.extend({
  input: z
    .union([
      nonEmptyText,
      tokens,
      arrayOf(z.union([nonEmptyText, tokens]), "inputs")
        .min(1)
        .max(maxInputs),
    ])
    .describe(
      "The input to embed: a string, an array of strings, an array of tokens, or an array of token arrays.",
    ),
});

const schema = z.compile(checkedSchema);

/** Validates a body and translates it. Throws the first fault. */
export function parseEmbeddingsRequest(
  raw: JsonObject,
  rules: RequestRules = defaultRules,
): EmbeddingsRequest {
  requireModel(raw, "input");
  if (rules.strictKeys) refuseUnknownKeys(checkedSchema, raw, ["input"]);
  const inputs = parseInput(raw.input);
  const body = checkBody(schema, raw);
  return {
    generation: create(GenerationSchema, { model: body.model, embedding: { inputs } }),
    encoding: body.encoding_format ?? "float",
    dimensions: body.dimensions ?? undefined,
  };
}

/** A string, an array of strings, an array of tokens, or an array of token arrays. */
function parseInput(input: unknown): Input[] {
  if (!Array.isArray(input)) return [toText("input", input)];
  if (input.length === 0) throw emptyArray("input");
  if (input.every((item) => typeof item === "number")) return [toTokens("input", input)];
  if (input.length > maxInputs) throw arrayTooLong("input", maxInputs, input.length);
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
  const foreign = ids.findIndex(
    (id) => !Number.isInteger(id) || Number(id) < 0 || Number(id) > bounds.tokenId[1],
  );
  if (foreign >= 0)
    throw wrongValue(
      `${param}[${foreign}]`,
      `Invalid '${param}[${foreign}]': ${ids[foreign]} is not a token.`,
    );
  return { prompt: { case: "tokens", value: { ids: ids as number[] } } };
}
