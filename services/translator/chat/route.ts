import type { FastifyReply, FastifyRequest } from "fastify";
import { toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerReader, AnswerWriter } from "../answers/read-answer.ts";
import { readAnswers } from "../answers/read-answers.ts";
import { toErrorBody } from "../errors/envelope.ts";
import { badJson } from "../errors/http-faults.ts";
import { namingModel } from "../errors/param-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import { type LateStreamOptions, openStream } from "../http/late-stream.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { newId } from "../http/request-id.ts";
import type { SseStream } from "../http/sse-stream.ts";
import { whileOpen } from "../http/while-open.ts";
import { type RequestReading, toRules } from "../request-rules.ts";
import { ChunkEncoder, doneEvent, toDataEvent, toUsageChunk } from "./answer/chunks.ts";
import { ChoiceCollector, toCompletion } from "./answer/completion.ts";
import type { AnswerHead } from "./answer/wire.ts";
import { fanOut } from "./request/fan-out.ts";
import { type ChatRequest, parseChatRequest } from "./request/index.ts";

/** What the route works with. */
export interface ChatOptions extends AnswerReader, LateStreamOptions, RequestReading {
  readonly openRequests: OpenRequests;
}

/** One request on its way to its answer. */
interface Exchange {
  readonly chat: ChatRequest;
  readonly head: AnswerHead;
  readonly generations: readonly Generation[];
  readonly open: OpenRequest;
}

/** `POST /chat/completions`: as one object, or as a stream. */
export function createChatRoute(options: ChatOptions) {
  const rules = toRules(options);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.body === undefined) throw badJson("The request has no body.");
    const chat = parseChatRequest(request.body as JsonObject, rules);
    const head: AnswerHead = {
      id: newId("chatcmpl-"),
      created: Math.floor(options.clock.wallTime() / 1000),
      model: chat.generation.model,
    };
    const generations = fanOut(chat, { completionId: head.id, caller: callerOf(request) });
    const answer = chat.stream ? stream : complete;
    return whileOpen(
      options.openRequests,
      request,
      reply,
      async (open) => {
        await options.fetchImages?.(chat.remoteImages, open.signal);
        return answer(options, { chat, head, generations, open }, reply);
      },
      namingModel(head.model),
    );
  };
}

/** Answers with the completion object. */
async function complete(options: ChatOptions, exchange: Exchange, reply: FastifyReply): Promise<string> {
  const collectors = exchange.generations.map(() => new ChoiceCollector(exchange.chat));
  await readAnswers(options, exchange, collectors);
  reply.header("content-type", "application/json; charset=utf-8");
  return toCompletion(exchange.head, collectors);
}

/**
 * Answers with a stream. It begins, and status 200 with it, when the first event comes that shows something, so
 * whatever goes wrong before that is an error with its own status. Afterwards an error is the last event, and no
 * `[DONE]` follows.
 */
async function stream(options: ChatOptions, exchange: Exchange, reply: FastifyReply): Promise<FastifyReply> {
  const { chat, head } = exchange;
  const encoders = exchange.generations.map((_, index) => new ChunkEncoder(head, index, chat));
  let sse: SseStream | undefined;
  const open = (): SseStream => {
    sse ??= openStream(options, reply);
    return sse;
  };
  try {
    await readAnswers(
      options,
      exchange,
      encoders.map((encoder) => new ChoiceStream(encoder, open)),
    );
  } catch (error) {
    if (sse === undefined) throw error;
    reportBug(options.log, error, reply.request.id);
    sse.end(toDataEvent(toErrorBody(toMeshError(error))));
    return reply;
  }
  const usages = encoders.map(({ usage }) => usage);
  const usage = chat.includeUsage ? toUsageChunk(head, encoders[0]!.fingerprint, usages) : "";
  sse!.end(usage + doneEvent);
  return reply;
}

/** Writes one choice to the stream that all of them share, which the first that has something to show opens. */
class ChoiceStream implements AnswerWriter {
  readonly #encoder: ChunkEncoder;
  readonly #open: () => SseStream;
  #sse: SseStream | undefined;

  constructor(encoder: ChunkEncoder, open: () => SseStream) {
    this.#encoder = encoder;
    this.#open = open;
  }

  accept(event: GenerationEvent): Promise<void> | undefined {
    const chunks = this.#encoder.encode(event);
    if (chunks === "") return undefined;
    this.#sse ??= this.#open();
    this.#sse.write(chunks, this.#encoder.isAscii);
    return this.#sse.drained();
  }
}
