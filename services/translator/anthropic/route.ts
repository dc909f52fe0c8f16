import type { FastifyReply, FastifyRequest } from "fastify";
import { toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type AnswerReader, readAnswer } from "../answers/read-answer.ts";
import { badJson } from "../errors/http-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import { LateStream, type LateStreamOptions } from "../http/late-stream.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { newId } from "../http/request-id.ts";
import { whileOpen } from "../http/while-open.ts";
import { type RequestReading, toRules } from "../request-rules.ts";
import { MessageCollector } from "./answer/collector.ts";
import { EventEncoder, toEvent } from "./answer/events.ts";
import type { MessageHead } from "./answer/wire.ts";
import { toErrorEnvelope } from "./errors.ts";
import { modelNotFound } from "./models.ts";
import { type MessagesRequest, parseMessagesRequest } from "./request/index.ts";

/** What the route works with. */
export interface MessagesOptions extends AnswerReader, LateStreamOptions, RequestReading {
  readonly openRequests: OpenRequests;
}

/** One request on its way to its answer. */
interface Exchange {
  readonly request: MessagesRequest;
  readonly head: MessageHead;
  readonly generation: Generation;
  readonly open: OpenRequest;
}

/** `POST /messages`: as one message, or as a stream. */
export function createMessagesRoute(options: MessagesOptions) {
  const rules = toRules(options);
  return async (http: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { body } = http;
    if (body === undefined) throw badJson("The request has no body.");
    const request = parseMessagesRequest(body as JsonObject, rules);
    const { generation } = request;
    generation.id = newId("msg_");
    generation.caller = callerOf(http);
    const head: MessageHead = { id: generation.id, model: generation.model };
    const answer = request.stream ? stream : complete;
    return whileOpen(
      options.openRequests,
      http,
      reply,
      async (open) => {
        await options.fetchImages?.(request.remoteImages, open.signal);
        return answer(options, { request, head, generation, open }, reply);
      },
      (error) => (error.kind === "model_not_found" ? modelNotFound(head.model) : error),
    );
  };
}

/** Answers with the message. */
async function complete(options: MessagesOptions, exchange: Exchange, reply: FastifyReply): Promise<string> {
  const { request, head, generation, open } = exchange;
  const collector = new MessageCollector(request);
  await readAnswer(options, generation, open.signal, collector);
  reply.header("content-type", "application/json; charset=utf-8");
  return collector.toJson(head);
}

/** Answers with a stream. Once it has begun an error is its last event. */
async function stream(
  options: MessagesOptions,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { request, head, generation, open } = exchange;
  const encoder = new EventEncoder(head, request);
  const late = new LateStream(options, reply);
  try {
    await readAnswer(options, generation, open.signal, {
      accept: (event) => late.write(encoder.encode(event)),
    });
  } catch (error) {
    if (!late.begun) throw error;
    reportBug(options.log, error, reply.request.id);
    late.end(toEvent("error", toErrorEnvelope(toMeshError(error), reply.request.id)));
    return reply;
  }
  late.end("");
  return reply;
}
