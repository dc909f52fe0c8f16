import { embeddings as embeddingsSchema } from "../../embeddings/answer.ts";
import { embeddingsRequestSchema } from "../../embeddings/request.ts";
import { answerOf, bodyOf, type RouteDescription } from "../route-description.ts";

/** `POST /embeddings`. */
export const embeddings: RouteDescription = {
  method: "post",
  path: "/embeddings",
  mount: "api",
  operation: {
    operationId: "createEmbedding",
    summary: "Creates embedding vectors that represent the input.",
    requestBody: bodyOf("EmbeddingsRequest"),
    responses: { 200: answerOf("One embedding for each input, in order.", "Embeddings") },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: { EmbeddingsRequest: embeddingsRequestSchema, Embeddings: embeddingsSchema },
};
