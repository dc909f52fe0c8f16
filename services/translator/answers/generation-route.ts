import type { FastifyReply, FastifyRequest } from "fastify";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Caller, Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { badJson } from "../errors/http-faults.ts";
import { reportBug } from "../errors/report-bug.ts";
import { callerOf } from "../http/caller.ts";
import type { JsonObject } from "../http/json-body.ts";
import type { OpenRequest } from "../http/open-requests.ts";
import type { RemoteImage } from "../images/remote-images.ts";
import type { RequestRules } from "../requests/check-body.ts";
import { type EventEncoder, LateStream, StreamWriter } from "./late-stream.ts";
import type { GenerationOptions } from "./options.ts";
import { type AnswerWriter, readAnswer } from "./read-answer.ts";

/** How a surface answers a request that it parses to `Parsed`. */
export interface GenerationRoute<Parsed> {
  parse(body: JsonObject, rules: RequestRules): Parsed;
  answer(request: Parsed, arrival: Arrival): Answer | Promise<Answer>;
  /** Converts an error before the start of the answer to the surface's words. */
  explain(error: MeshError, request: Parsed): MeshError;
}

/** A request's context beside its body. */
export interface Arrival {
  readonly caller: Caller;
  /** When its body had arrived, in whole seconds since 1970. */
  readonly now: number;
  readonly rules: RequestRules;
}

/** The generations of an answer, and what they become: one body or a stream. */
export type Answer = (WholeAnswer | StreamedAnswer) & {
  readonly generations: readonly Generation[];
  /** Images that are still to be fetched. */
  readonly remoteImages?: readonly RemoteImage[];
  /** Generations to retry with after an error before any output; undefined: the error is final. */
  retry?(error: MeshError): readonly Generation[] | undefined;
};

/** An answer that is sent when it is complete. */
export interface WholeAnswer {
  /** One for each generation. */
  readonly collectors: readonly AnswerWriter[];
  /** The body as JSON text, after all generations have ended. */
  toBody(): string | Promise<string>;
}

/** An answer that is streamed as server-sent events. */
export interface StreamedAnswer {
  /** One for each generation. */
  readonly encoders: readonly EventEncoder[];
  /** The last events, after all generations have ended. */
  end(): string | Promise<string>;
  /** The last events when the stream fails; `clientGone`: no client will read them. */
  fail(error: MeshError, clientGone: boolean): string | Promise<string>;
}

/**
 * Creates a route that answers with generations. A stream starts, with status 200, at the first event that shows
 * something; earlier failures have their own status. Nothing is sent once the client has disconnected.
 */
export function createGenerationRoute<Parsed>(
  options: GenerationOptions,
  { parse, answer, explain }: GenerationRoute<Parsed>,
) {
  const { openRequests, fetchImages, strictKeys = false, clock } = options;
  const rules: RequestRules = { fetchImages: fetchImages !== undefined, strictKeys };
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.body === undefined) throw badJson("The request has no body.");
    const parsed = parse(request.body as JsonObject, rules);
    const arrival = { caller: callerOf(request), now: Math.floor(clock.wallTime() / 1000), rules };
    const open = openRequests.begin(request.raw);
    try {
      const made = await answer(parsed, arrival);
      await fetchImages?.(made.remoteImages ?? [], open.signal);
      return await ("encoders" in made
        ? stream(options, made, open, reply)
        : complete(options, made, open, reply));
    } catch (thrown) {
      if (open.clientGone) return reply.hijack();
      throw explain(toMeshError(thrown), parsed);
    } finally {
      open.end();
    }
  };
}

async function complete(
  options: GenerationOptions,
  answer: Answer & WholeAnswer,
  open: OpenRequest,
  reply: FastifyReply,
): Promise<string> {
  await read(options, answer, answer.collectors, open);
  const body = await answer.toBody();
  reply.header("content-type", "application/json; charset=utf-8");
  return body;
}

async function stream(
  options: GenerationOptions,
  answer: Answer & StreamedAnswer,
  open: OpenRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const late = new LateStream(options, reply);
  const writers = answer.encoders.map((encoder) => new StreamWriter(encoder, late));
  try {
    await read(options, answer, writers, open);
    late.open().end(await answer.end());
  } catch (thrown) {
    if (!late.isOpen) throw thrown;
    reportBug(options.log, thrown, reply.request.id);
    late.open().end(await answer.fail(toMeshError(thrown), open.clientGone));
  }
  return reply;
}

/** Reads generations concurrently; when one fails, all do. */
async function read(
  options: GenerationOptions,
  { generations, retry }: Answer,
  writers: readonly AnswerWriter[],
  open: OpenRequest,
): Promise<void> {
  let tried = generations;
  for (;;) {
    try {
      await Promise.all(
        tried.map((generation, index) => readAnswer(options, generation, open.signal, writers[index]!)),
      );
      return;
    } catch (thrown) {
      const others = retry?.(toMeshError(thrown));
      if (others === undefined) {
        open.abort(new MeshError("cancelled", "Another answer to the same request failed."));
        throw thrown;
      }
      tried = others;
    }
  }
}
