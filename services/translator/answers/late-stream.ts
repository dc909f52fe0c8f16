import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { processingMs } from "../http/request-context.ts";
import type { SseStream } from "../http/sse-stream.ts";
import type { GenerationOptions } from "./options.ts";
import type { AnswerWriter } from "./read-answer.ts";

/** Encodes the events of one generation as text of a stream. */
export interface EventEncoder {
  /** Returns whole server-sent events; empty while there is nothing to show. */
  encode(event: GenerationEvent): string;
  /** Whether the last result of `encode` is known to be ASCII, so that its bytes need not be counted. */
  readonly isAscii?: boolean;
}

/** A stream that opens, with status 200, at its first text, so that earlier failures have their own status. */
export class LateStream {
  readonly #options: GenerationOptions;
  readonly #reply: FastifyReply;
  #sse: SseStream | undefined;

  constructor(options: GenerationOptions, reply: FastifyReply) {
    this.#options = options;
    this.#reply = reply;
  }

  get isOpen(): boolean {
    return this.#sse !== undefined;
  }

  /** The stream. The first call opens it with the reply's headers. */
  open(): SseStream {
    if (this.#sse !== undefined) return this.#sse;
    const { sseStreams, isDraining, clock } = this.#options;
    const reply = this.#reply.hijack();
    const headers = reply.getHeaders() as OutgoingHttpHeaders;
    headers["openai-processing-ms"] = processingMs(reply.request, clock);
    if (isDraining()) headers.connection = "close";
    this.#sse = sseStreams.open(reply.raw, headers);
    return this.#sse;
  }
}

/** Writes one generation to the answer's shared stream. A token touches this, its encoder and the stream. */
export class StreamWriter implements AnswerWriter {
  readonly #encoder: EventEncoder;
  readonly #late: LateStream;
  #sse: SseStream | undefined;

  constructor(encoder: EventEncoder, late: LateStream) {
    this.#encoder = encoder;
    this.#late = late;
  }

  accept(event: GenerationEvent): Promise<void> | undefined {
    const events = this.#encoder.encode(event);
    if (events === "") return undefined;
    this.#sse ??= this.#late.open();
    this.#sse.write(events, this.#encoder.isAscii);
    return this.#sse.drained();
  }
}
