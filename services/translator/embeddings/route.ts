import { z } from "zod";
import type { Embedded, GenerationEvent, Usage } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { createGenerationRoute, type GenerationOptions } from "../answers/generation-route.ts";
import type { AnswerWriter } from "../answers/read-answer.ts";
import { count, type Described } from "../answers/wire.ts";
import { namingModel, wrongValue } from "../errors/param-faults.ts";
import { newId } from "../http/request-context.ts";
import { type EmbeddingsRequest, parseEmbeddingsRequest } from "./request.ts";

/** `POST /embeddings`: texts as vectors. */
export const createEmbeddingsRoute = (options: GenerationOptions) =>
  createGenerationRoute<EmbeddingsRequest>(options, {
    parse: parseEmbeddingsRequest,
    answer(request, { caller }) {
      const generation = { ...request.generation, id: newId("embd-"), caller };
      const collector = new EmbeddingCollector();
      return { generations: [generation], collectors: [collector], toBody: () => collector.toBody(request) };
    },
    explain: (error, { generation }) => namingModel(generation.model)(error),
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

export class EmbeddingCollector implements AnswerWriter {
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
    throw wrongValue(
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
