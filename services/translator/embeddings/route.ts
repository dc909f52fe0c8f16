import { createGenerationRoute } from "../answers/generation-route.ts";
import type { GenerationOptions } from "../answers/options.ts";
import { namingModel } from "../errors/param-faults.ts";
import { newId } from "../http/request-id.ts";
import { EmbeddingCollector } from "./answer.ts";
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
