import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import type { Clock } from "../../../core/clock.ts";
import { processingMs } from "./request-context.ts";
import type { SseStream } from "./sse-stream.ts";
import type { SseStreams } from "./sse-streams.ts";

/** What a stream is opened with. */
export interface LateStreamOptions {
  readonly sseStreams: SseStreams;
  /** Whether connections should end with their answer. */
  readonly isDraining: () => boolean;
  readonly clock: Clock;
}

/**
 * A stream that begins, and status 200 with it, with its first text: whatever goes wrong before that is an error
 * with a status of its own.
 */
export class LateStream {
  readonly #options: LateStreamOptions;
  readonly #reply: FastifyReply;
  #sse: SseStream | undefined;

  constructor(options: LateStreamOptions, reply: FastifyReply) {
    this.#options = options;
    this.#reply = reply;
  }

  /** Whether the status has left. */
  get begun(): boolean {
    return this.#sse !== undefined;
  }

  /** Adds whole events. When it returns a promise, the client has to catch up until that resolves. */
  write(events: string): Promise<void> | undefined {
    if (events === "") return undefined;
    this.#sse ??= openStream(this.#options, this.#reply);
    this.#sse.write(events);
    return this.#sse.drained();
  }

  /** Adds the last events and ends the response. */
  end(events: string): void {
    this.#sse ??= openStream(this.#options, this.#reply);
    this.#sse.end(events);
  }
}

/** Begins the stream that answers a request, with the headers that were set for it. */
export function openStream(
  { sseStreams, isDraining, clock }: LateStreamOptions,
  reply: FastifyReply,
): SseStream {
  reply.hijack();
  return sseStreams.open(reply.raw, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    "openai-processing-ms": processingMs(reply.request, clock),
    ...(isDraining() ? { connection: "close" } : {}),
  });
}
