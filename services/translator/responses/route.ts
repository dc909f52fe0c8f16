import type { FastifyReply, FastifyRequest } from "fastify";
import { toMeshError } from "../../../core/errors/mesh-error.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type AnswerReader, type AnswerWriter, readAnswer } from "../answers/read-answer.ts";
import { badJson } from "../errors/http-faults.ts";
import { namingModel } from "../errors/param-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import { LateStream, type LateStreamOptions } from "../http/late-stream.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { newId } from "../http/request-id.ts";
import { whileOpen } from "../http/while-open.ts";
import { RemoteImages } from "../images/remote-images.ts";
import { type RequestReading, toRules } from "../request-rules.ts";
import { EventEncoder } from "./answer/events.ts";
import { Output, type OutputObserver } from "./answer/output.ts";
import {
  type ResponseHead,
  type ResponseObject,
  toEndedResponse,
  toFailedResponse,
} from "./answer/response-object.ts";
import { withOwnParam } from "./faults.ts";
import { parseResponseRequest, type ResponseRequest } from "./request/index.ts";
import { type Resolved, resolve } from "./request/resolve.ts";
import { toMessages } from "./request/to-messages.ts";
import { truncate } from "./request/truncate.ts";
import type { ResponseStore } from "./store/response-store.ts";

/** What the route works with. */
export interface ResponsesOptions extends AnswerReader, LateStreamOptions, RequestReading {
  readonly openRequests: OpenRequests;
}

/** One request on its way to its response. */
interface Exchange {
  readonly request: ResponseRequest;
  readonly resolved: Resolved;
  readonly head: ResponseHead;
  readonly open: OpenRequest;
  readonly userId: string;
}

/** `POST /responses`: as one object, or as a stream. */
export function createResponseRoute(options: ResponsesOptions, store: ResponseStore) {
  const rules = toRules(options);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.body === undefined) throw badJson("The request has no body.");
    const parsed = parseResponseRequest(request.body as JsonObject, rules);
    const caller = callerOf(request);
    const { userId } = caller;
    const answer = async (open: OpenRequest): Promise<unknown> => {
      const resolved = await resolve(store, userId, parsed);
      const head: ResponseHead = {
        id: newId("resp_"),
        createdAt: nowSeconds(options),
        settings: parsed.settings,
      };
      // In place, because nobody else holds it yet.
      const { generation } = parsed;
      generation.id = head.id;
      generation.caller = caller;
      const remote = rules.fetchImages ? new RemoteImages() : undefined;
      generation.messages = toMessages({ instructions: parsed.instructions, ...resolved, remote });
      await options.fetchImages?.(remote?.list ?? [], open.signal);
      const exchange = { request: parsed, resolved, head, open, userId };
      return (parsed.stream ? stream : complete)(options, store, exchange, reply);
    };
    const explain = namingModel(parsed.generation.model);
    return whileOpen(options.openRequests, request, reply, answer, (error) => withOwnParam(explain(error)));
  };
}

/** Answers with the response object. */
async function complete(
  options: ResponsesOptions,
  store: ResponseStore,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<string> {
  const output = new Output(exchange.request.summarizes, unobserved);
  await read(options, exchange, { accept: (event) => void output.accept(event) });
  const response = await end(options, store, exchange, output);
  reply.header("content-type", "application/json; charset=utf-8");
  return JSON.stringify(response);
}

const unobserved: OutputObserver = { added() {}, delta() {}, done() {} };

/**
 * Answers with a stream, which begins with the first event that shows something. What goes wrong after that is told
 * by its last event, `response.failed`.
 */
async function stream(
  options: ResponsesOptions,
  store: ResponseStore,
  exchange: Exchange,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { request, head } = exchange;
  const events = new LateStream(options, reply);
  const encoder = new EventEncoder(head);
  const output = new Output(request.summarizes, encoder);
  const accept = (event: GenerationEvent): Promise<void> | undefined => {
    output.accept(event);
    return events.write(encoder.take());
  };
  try {
    await read(options, exchange, { accept });
    events.end(encoder.end(await end(options, store, exchange, output)));
  } catch (thrown) {
    if (!events.begun) throw thrown;
    reportBug(options.log, thrown, reply.request.id);
    const failed = toFailedResponse(head, output, toMeshError(thrown));
    // Nobody has seen the end of one whose client has left.
    if (!exchange.open.clientGone) await keep(store, exchange, output, failed);
    events.end(encoder.end(failed));
  }
  return reply;
}

/** Reads the answer; where the request allows it, once more with fewer turns when all of them do not fit. */
async function read(
  options: ResponsesOptions,
  { request, open }: Exchange,
  writer: AnswerWriter,
): Promise<void> {
  let { generation } = request;
  for (;;) {
    try {
      return await readAnswer(options, generation, open.signal, writer);
    } catch (thrown) {
      const shorter = request.mayTruncate && isTooLong(thrown) ? truncate(generation.messages) : undefined;
      if (shorter === undefined) throw thrown;
      generation = { ...generation, messages: shorter };
    }
  }
}

/** Said of a prompt only before an answer begins, so nothing has been shown yet. */
const isTooLong = (thrown: unknown): boolean => toMeshError(thrown).code === "context_length_exceeded";

/** The finished response, which is kept: whoever has seen its end can continue it. */
async function end(
  options: ResponsesOptions,
  store: ResponseStore,
  exchange: Exchange,
  output: Output,
): Promise<ResponseObject> {
  const response = toEndedResponse(exchange.head, output, nowSeconds(options));
  await keep(store, exchange, output, response);
  return response;
}

/** Keeps a response, however it ended, where the request wants that. */
async function keep(
  store: ResponseStore,
  { request, resolved, head, userId }: Exchange,
  output: Output,
  response: ResponseObject,
): Promise<void> {
  if (!request.store) return;
  await store.put({
    id: head.id,
    userId,
    response: Buffer.from(JSON.stringify(response)),
    input: Buffer.from(JSON.stringify(resolved.input)),
    itemIds: [...resolved.input, ...output.items].map(({ id }) => id),
    previous: resolved.previous,
  });
}

const nowSeconds = ({ clock }: ResponsesOptions): number => Math.floor(clock.wallTime() / 1000);
