import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type {
  Caller,
  Generation,
  GenerationEvent,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { badJson } from "../errors/http-faults.ts";
import { reportBug } from "../errors/send-error.ts";
import type { JsonObject } from "../http/json-body.ts";
import type { OpenRequest, OpenRequests } from "../http/open-requests.ts";
import { workOn } from "../http/read-body.ts";
import { callerOf, checkHops, processingMs } from "../http/request-context.ts";
import type { SseStream } from "../http/sse-stream.ts";
import type { SseStreams } from "../http/sse-streams.ts";
import type { FetchImages } from "../images/image-fetcher.ts";
import type { RemoteImage } from "../images/parse-image.ts";
import type { RequestRules } from "../requests/check-body.ts";
import { type AnswerReading, type AnswerWriter, readAnswer } from "./read-answer.ts";

/** What every route that generates answers works with. */
export interface GenerationOptions extends AnswerReading {
  readonly openRequests: OpenRequests;
  readonly sseStreams: SseStreams;
  /** Fetches images by URL; undefined: they are rejected. */
  readonly fetchImages?: FetchImages | undefined;
  /** Whether unknown parameters are rejected; default false. */
  readonly strictKeys?: boolean | undefined;
  /** Whether the server is draining, so that connections close after their answer. */
  readonly isDraining: () => boolean;
  readonly log: Log;
}

/** How a surface answers requests. */
interface GenerationRoute<Parsed> {
  parse(body: JsonObject, rules: RequestRules): Parsed;
  answer(request: Parsed, arrival: Arrival): Answer | Promise<Answer>;
  /** Puts an error before the start of the answer into the surface's words. */
  explain(error: MeshError, request: Parsed): MeshError;
}

interface Arrival {
  readonly caller: Caller;
  /** When its body had arrived, in whole seconds since 1970. */
  readonly now: number;
  readonly rules: RequestRules;
}

/** The generations of an answer, and what they become: one body or a stream. */
type Answer = (WholeAnswer | StreamedAnswer) & {
  readonly generations: readonly Generation[];
  readonly remoteImages?: readonly RemoteImage[];
  /** Generations to retry with after an error before any output; undefined: the error is final. */
  retry?(error: MeshError): readonly Generation[] | undefined;
};

interface WholeAnswer {
  /** One for each generation. */
  readonly collectors: readonly AnswerWriter[];
  /** The body as JSON text, after all generations have ended. */
  toBody(): string | Promise<string>;
}

interface StreamedAnswer {
  /** One for each generation. */
  readonly encoders: readonly EventEncoder[];
  /** The last events, after all generations have ended. */
  end(): string | Promise<string>;
  /** The last events when the stream fails; `clientGone`: no client will read them. */
  fail(error: MeshError, clientGone: boolean): string | Promise<string>;
}

/** Encodes the events of one generation as text of a stream. */
export interface EventEncoder {
  /** Returns whole server-sent events; empty while there is nothing to show. */
  encode(event: GenerationEvent): string;
  /** Whether the last result of `encode` is known to be ASCII, so that its bytes need not be counted. */
  readonly isAscii?: boolean;
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
    const parsed = await workOn(request, () => parse(request.body as JsonObject, rules));
    const caller = callerOf(request);
    checkHops(caller);
    const arrival = { caller, now: Math.floor(clock.wallTime() / 1000), rules };
    const open = openRequests.begin(request.raw);
    try {
      const made = await answer(parsed, arrival);
      await fetchImages?.(made.remoteImages ?? [], open.signal);
      if ("encoders" in made) return await stream(options, made, open, reply);
      await readAll(options, made, made.collectors, open);
      const body = await made.toBody();
      reply.header("content-type", "application/json; charset=utf-8");
      return body;
    } catch (thrown) {
      if (open.clientGone) return reply.hijack();
      throw explain(toMeshError(thrown), parsed);
    } finally {
      open.end();
    }
  };
}

/** Reads generations concurrently; when one fails, all do. */
async function readAll(
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

async function stream(
  options: GenerationOptions,
  answer: Answer & StreamedAnswer,
  open: OpenRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // Opened at the first text, so that earlier failures have their own status.
  const late: { sse?: SseStream } = {};
  const openSse = () => {
    late.sse ??= openStream(options, reply);
    return late.sse;
  };
  const writers = answer.encoders.map((encoder) => new StreamWriter(encoder, openSse));
  try {
    await readAll(options, answer, writers, open);
    openSse().end(await answer.end());
  } catch (thrown) {
    if (late.sse === undefined) throw thrown;
    reportBug(options.log, thrown, reply.request.id);
    late.sse.end(await answer.fail(toMeshError(thrown), open.clientGone));
  }
  return reply;
}

/** Sends status 200 and the reply's headers. */
function openStream({ sseStreams, isDraining, clock }: GenerationOptions, reply: FastifyReply): SseStream {
  const headers = reply.hijack().getHeaders() as OutgoingHttpHeaders;
  headers["openai-processing-ms"] = processingMs(reply.request, clock);
  if (isDraining()) headers.connection = "close";
  return sseStreams.open(reply.raw, headers);
}

/** Writes one generation to the answer's shared stream. A token touches this, its encoder and the stream. */
class StreamWriter implements AnswerWriter {
  readonly #encoder: EventEncoder;
  readonly #open: () => SseStream;
  #sse: SseStream | undefined;

  constructor(encoder: EventEncoder, open: () => SseStream) {
    this.#encoder = encoder;
    this.#open = open;
  }

  accept(event: GenerationEvent): Promise<void> | undefined {
    const events = this.#encoder.encode(event);
    if (events === "") return undefined;
    this.#sse ??= this.#open();
    this.#sse.write(events, this.#encoder.isAscii);
    return this.#sse.drained();
  }
}
