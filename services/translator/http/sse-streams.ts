import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Clock, Timer } from "../../../core/clock.ts";
import { SseStream } from "./sse-stream.ts";

/** Silence after which a comment is sent, so that proxies keep the stream open, in milliseconds. */
const keepAliveMs = 15_000;

/** A comment: every SDK skips it, while some throw on events without data. */
const keepAlive = ": keep-alive\n\n";

const checkEveryMs = 1000;

/** The open streams of a server: flushed together at the end of each turn, kept alive by one timer. */
export class SseStreams {
  readonly #clock: Clock;
  readonly #stallTimeoutMs: number;
  readonly #open = new Set<SseStream>();
  #written: SseStream[] = [];
  #keepAliveTimer: Timer | undefined;

  constructor(clock: Clock, stallTimeoutMs: number) {
    this.#clock = clock;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** Opens a stream on a response to which nothing has been written. */
  open(response: ServerResponse, headers: OutgoingHttpHeaders): SseStream {
    const stream = new SseStream(response, headers, {
      clock: this.#clock,
      flushSoon: this.#flushSoon,
      onEnd: this.#onEnd,
      stallTimeoutMs: this.#stallTimeoutMs,
    });
    this.#open.add(stream);
    this.#keepAliveTimer ??= this.#clock.every(checkEveryMs, this.#keepAlive);
    return stream;
  }

  readonly #flushSoon = (stream: SseStream): void => {
    if (this.#written.length === 0) setImmediate(this.#flush);
    this.#written.push(stream);
  };

  readonly #flush = (): void => {
    const written = this.#written;
    this.#written = [];
    const now = this.#clock.now();
    for (const stream of written) stream.flush(now);
  };

  readonly #keepAlive = (): void => {
    const now = this.#clock.now();
    for (const stream of this.#open) if (now - stream.lastWriteAt >= keepAliveMs) stream.write(keepAlive);
  };

  readonly #onEnd = (stream: SseStream): void => {
    this.#open.delete(stream);
    if (this.#open.size > 0) return;
    this.#keepAliveTimer?.cancel();
    this.#keepAliveTimer = undefined;
  };
}
