import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { z } from "zod";
import { bounds } from "../../../core/generation/bounds.ts";
import {
  type Embedded,
  type Generation,
  type GenerationEvent,
  GenerationSchema,
  type RawPromptSchema,
  type Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import type { AnswerWriter } from "../answers/read-answer.ts";
import { count, type Described } from "../answers/wire.ts";
import * as faults from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";
import { newId } from "../http/request-context.ts";
import { checkBody, defaultRules, type RequestRules, requireModel } from "../requests/check-body.ts";
import { checkTokens } from "../requests/tokens.ts";
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
interface EmbeddingsRequest {
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

export const embeddings = z.object({
  object: z.literal("list"),
  data: z.array(
    z.object({
      object: z.literal("embedding"),
      index: count,
      embedding: z.union([z.array(z.number()), z.string().meta({ contentEncoding: "base64" })]),
    }),
  ),
  model: z.string(),
  usage: z.object({ prompt_tokens: count, total_tokens: count }),
});

/** `POST /embeddings`: texts as vectors. */
export const createEmbeddingsRoute = (options: GenerationOptions) =>
  createGenerationRoute<EmbeddingsRequest>(options, {
    parse: parseEmbeddingsRequest,
    answer(request, { caller }) {
      const generation = { ...request.generation, id: newId("embd-"), caller };
      const collector = new EmbeddingCollector();
      return { generations: [generation], collectors: [collector], toBody: () => collector.toBody(request) };
    },
    explain: (error, { generation }) => faults.namingModel(generation.model)(error),
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
  if (input.length === 0) throw faults.emptyArray("input");
  if (input.every((item) => typeof item === "number")) return [toTokens("input", input)];
  if (input.length > maxInputs) throw faults.arrayTooLong("input", maxInputs, input.length);
  return input.map((item, index) =>
    Array.isArray(item) ? toTokens(`input[${index}]`, item) : toText(`input[${index}]`, item),
  );
}

function toText(param: string, value: unknown): Input {
  if (typeof value !== "string") throw faults.wrongType(param, "a string or an array", value);
  if (value === "") throw faults.emptyString(param);
  return { prompt: { case: "text", value: value.toWellFormed() } };
}

function toTokens(param: string, ids: readonly unknown[]): Input {
  if (ids.length === 0) throw faults.emptyArray(param);
  return { prompt: { case: "tokens", value: { ids: checkTokens(param, ids) } } };
}

class EmbeddingCollector implements AnswerWriter {
  readonly #embeddings: Embedded[] = [];
  #usage: Usage | undefined;

  accept({ event }: GenerationEvent): undefined {
    if (event.case === "embedded") this.#embeddings.push(event.value);
    else if (event.case === "finished") this.#usage = event.value.usage;
  }

  /** OpenAI's object as JSON text. Throws when the model's vectors have fewer dimensions than requested. */
  toBody({ generation, encoding, dimensions }: EmbeddingsRequest): string {
    const promptTokens = this.#usage?.promptTokens ?? 0;
    const answer: Described<typeof embeddings> = {
      object: "list",
      data: this.#embeddings.map(({ index, values }) => {
        const vector = dimensions === undefined ? values : shorten(values, dimensions);
        return {
          object: "embedding",
          index,
          embedding: encoding === "base64" ? toBase64(vector) : vector.map(toFloat),
        };
      }),
      model: generation.model,
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    };
    return JSON.stringify(answer);
  }
}

/**
 * The first dimensions of a vector, normalized to length 1: what models trained for it mean by fewer dimensions, and
 * what Ollama does for all.
 */
function shorten(values: readonly number[], dimensions: number): number[] {
  if (dimensions > values.length)
    throw faults.wrongValue(
      "dimensions",
      `Invalid 'dimensions': the embeddings of this model have ${values.length} dimensions, but ${dimensions} were asked for.`,
    );
  const beginning = values.slice(0, dimensions);
  const length = Math.hypot(...beginning);
  return length === 0 ? beginning : beginning.map((value) => value / length);
}

/** Nine digits distinguish all 32-bit floats. */
const toFloat = (value: number): number => Number(value.toPrecision(9));

function toBase64(values: readonly number[]): string {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, 4 * index);
  return bytes.toString("base64");
}
