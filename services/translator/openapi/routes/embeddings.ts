import { embeddingsRequestSchema, largestToken, mostInputs } from "../../embeddings/request.ts";
import { type ParameterNotes, toRequestSchema } from "../request-schema.ts";
import {
  count,
  type JsonSchema,
  json,
  listOf,
  objectOf,
  type RouteDescription,
  ref,
  text,
} from "../route-description.ts";

const nonEmptyText = { ...text, minLength: 1 };
const tokens = { ...listOf({ type: "integer", minimum: 0, maximum: largestToken }), minItems: 1 };

const input: JsonSchema = {
  description: "A text, a list of texts, the tokens of a text, or a list of such lists.",
  anyOf: [
    nonEmptyText,
    tokens,
    { ...listOf({ anyOf: [nonEmptyText, tokens] }), minItems: 1, maxItems: mostInputs },
  ],
};

const notes: ParameterNotes<typeof embeddingsRequestSchema> = {
  model: "One of `GET /models` that embeds.",
  dimensions: "How many numbers of each vector are wanted; the beginning is brought to length 1.",
  encoding_format: "As numbers, or as the bytes of 32-bit floats, little-endian, in base64.",
  user: "Accepted for the sake of clients; without effect.",
};

/** `POST /embeddings`. */
export const embeddings: RouteDescription = {
  method: "post",
  path: "/embeddings",
  mount: "api",
  operation: {
    operationId: "createEmbedding",
    summary: "Turns texts into vectors.",
    requestBody: { required: true, content: json(ref("EmbeddingsRequest")) },
    responses: {
      200: { description: "One vector for each text, in order.", content: json(ref("Embeddings")) },
    },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    EmbeddingsRequest: toRequestSchema(embeddingsRequestSchema, notes, {
      defaults: { encoding_format: "float" },
      more: { input },
    }),
    Embeddings: objectOf({
      object: { const: "list" },
      data: listOf(
        objectOf({
          object: { const: "embedding" },
          index: count,
          embedding: { anyOf: [listOf({ type: "number" }), { ...text, contentEncoding: "base64" }] },
        }),
      ),
      model: text,
      usage: objectOf({ prompt_tokens: count, total_tokens: count }),
    }),
  },
};
