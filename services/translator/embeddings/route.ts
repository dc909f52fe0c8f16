import type { FastifyReply, FastifyRequest } from "fastify";
import { type AnswerReader, readAnswer } from "../answers/read-answer.ts";
import { badJson } from "../errors/http-faults.ts";
import { namingModel } from "../errors/param-faults.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { newId } from "../http/request-id.ts";
import { whileOpen } from "../http/while-open.ts";
import { type RequestReading, toRules } from "../request-rules.ts";
import { EmbeddingCollector } from "./answer.ts";
import { parseEmbeddingsRequest } from "./request.ts";

/** What the route works with. */
export interface EmbeddingsOptions extends AnswerReader, RequestReading {
  readonly openRequests: OpenRequests;
}

/** `POST /embeddings`: texts as vectors. */
export function createEmbeddingsRoute(options: EmbeddingsOptions) {
  const rules = toRules(options);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.body === undefined) throw badJson("The request has no body.");
    const asked = parseEmbeddingsRequest(request.body as JsonObject, rules);
    const generation = {
      ...asked.generation,
      id: newId("embd-"),
      caller: callerOf(request),
    };
    const collector = new EmbeddingCollector();
    const answer = async ({ signal }: OpenRequest) => {
      await readAnswer(options, generation, signal, collector);
      return collector.toAnswer(asked);
    };
    return whileOpen(options.openRequests, request, reply, answer, namingModel(generation.model));
  };
}
