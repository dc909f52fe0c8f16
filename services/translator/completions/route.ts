import type { FastifyReply, FastifyRequest } from "fastify";
import { toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerReader } from "../answers/read-answer.ts";
import { readAnswers } from "../answers/read-answers.ts";
import { doneEvent, toDataEvent } from "../chat/answer/chunks.ts";
import type { AnswerHead } from "../chat/answer/wire.ts";
import { fanOut } from "../chat/request/fan-out.ts";
import { toErrorBody } from "../errors/envelope.ts";
import { badJson } from "../errors/http-faults.ts";
import { namingModel } from "../errors/param-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import { LateStream, type LateStreamOptions } from "../http/late-stream.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { newId } from "../http/request-id.ts";
import { whileOpen } from "../http/while-open.ts";
import { type RequestReading, toRules } from "../request-rules.ts";
import { ChoiceCollector } from "./choice.ts";
import { ChunkEncoder, toUsageChunk } from "./chunks.ts";
import { type CompletionRequest, parseCompletionRequest } from "./request.ts";
import { toHead, toTotalUsage } from "./wire.ts";

/** What the route works with. */
export interface CompletionsOptions extends AnswerReader, LateStreamOptions, RequestReading {
  readonly openRequests: OpenRequests;
}

/** One request on its way to its answer. */
interface Exchange {
  readonly request: CompletionRequest;
  readonly head: AnswerHead;
  /** Those of the first prompt, then those of the second. */
  readonly generations: readonly Generation[];
  readonly open: OpenRequest;
}

/** `POST /completions`, the legacy form: a text goes on as it stands, as one object or as a stream. */
export function createCompletionsRoute(options: CompletionsOptions) {
  const rules = toRules(options);
  return async (http: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { body } = http;
    if (body === undefined) throw badJson("The request has no body.");
    const request = parseCompletionRequest(body as JsonObject, rules);
    const head: AnswerHead = {
      id: newId("cmpl-"),
      created: Math.floor(options.clock.wallTime() / 1000),
      model: request.generations[0]!.model,
    };
    const { choices } = request;
    const caller = callerOf(http);
    const generations = request.generations.flatMap((generation, index) => {
      const completionId = request.generations.length === 1 ? head.id : `${head.id}-${index}`;
      return fanOut({ generation, choices }, { completionId, caller });
    });
    const answer = request.stream ? stream : complete;
    return whileOpen(
      options.openRequests,
      http,
      reply,
      (open) => answer(options, { request, head, generations, open }, reply),
      namingModel(head.model),
    );
  };
}

/** Answers with the completion object. */
async function complete(
  options: CompletionsOptions,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<string> {
  const { request, head, generations } = exchange;
  const collectors = generations.map(
    (_, index) => new ChoiceCollector(request.echoes[Math.floor(index / request.choices)]!, request.logprobs),
  );
  await readAnswers(options, exchange, collectors);
  reply.header("content-type", "application/json; charset=utf-8");
  return JSON.stringify({
    ...toHead(head, collectors[0]!.fingerprint),
    choices: collectors.map((collector, index) => collector.toChoice(index)),
    usage: toTotalUsage(
      collectors.map(({ usage }) => usage),
      request.choices,
    ),
  });
}

/** Answers with a stream. Once it has begun an error is its last event, and no `[DONE]` follows. */
async function stream(
  options: CompletionsOptions,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { request, head, generations } = exchange;
  const encoders = generations.map((_, index) => new ChunkEncoder(head, index, request));
  const late = new LateStream(options, reply);
  try {
    await readAnswers(
      options,
      exchange,
      encoders.map((encoder) => ({ accept: (event) => late.write(encoder.encode(event)) })),
    );
  } catch (error) {
    if (!late.begun) throw error;
    reportBug(options.log, error, reply.request.id);
    late.end(toDataEvent(toErrorBody(toMeshError(error))));
    return reply;
  }
  late.end((request.includeUsage ? toUsageChunk(head, encoders, request.choices) : "") + doneEvent);
  return reply;
}
