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

/** How a surface answers a request, of which `Parsed` is the checked form. */
export interface GenerationRoute<Parsed> {
  /** Checks a body. Throws the first fault. */
  parse(body: JsonObject, rules: RequestRules): Parsed;
  /** What the request is answered with. */
  answer(request: Parsed, arrival: Arrival): Answer | Promise<Answer>;
  /** A failure before the answer has started, in the surface's words. */
  explain(error: MeshError, request: Parsed): MeshError;
}

/** What is known of a request beside its body. */
export interface Arrival {
  readonly caller: Caller;
  /** When its body had come, in whole seconds since 1970. */
  readonly now: number;
  readonly rules: RequestRules;
}

/** The generations that make an answer, and what is made of them: one body, or a stream. */
export type Answer = (WholeAnswer | StreamedAnswer) & {
  readonly generations: readonly Generation[];
  /** Images that the generations name and that are still to be fetched. */
  readonly remoteImages?: readonly RemoteImage[];
  /** Other generations to try after a failure that has shown nothing; undefined: the failure is final. */
  retry?(error: MeshError): readonly Generation[] | undefined;
};

/** An answer that is sent once all of it has come. */
export interface WholeAnswer {
  /** One for each generation. */
  readonly collectors: readonly AnswerWriter[];
  /** The body as JSON text, once all generations have ended. */
  toBody(): string | Promise<string>;
}

/** An answer that is sent as it comes, as server-sent events. */
export interface StreamedAnswer {
  /** One for each generation. */
  readonly encoders: readonly EventEncoder[];
  /** The last events, once all generations have ended. */
  end(): string | Promise<string>;
  /** The last events when the answer fails after its start; `clientGone`: no client is left to read them. */
  fail(error: MeshError, clientGone: boolean): string | Promise<string>;
}

/**
 * A route that answers by generations. A stream begins, and status 200 with it, with the first event that shows
 * something, so whatever goes wrong before that is an error with its own status. Once the client is gone nothing is
 * answered at all.
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

/** Reads generations side by side, each into a writer of its own; when one fails, so do all. */
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
