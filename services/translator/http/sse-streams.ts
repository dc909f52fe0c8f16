import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Clock, Timer } from "../../../core/clock.ts";
import { SseStream } from "./sse-stream.ts";

/** A comment keeps proxies from cutting a stream that has been silent for so long, in milliseconds. */
export const keepAliveMs = 15_000;

/** Every SDK skips comments; events without data make some of them throw. */
const keepAlive = ": keep-alive\n\n";

/** How exactly silence is measured, in milliseconds. */
const lookEveryMs = 1000;

/** The open streams of a server: flushed together at the end of each turn, kept alive by one timer. */
export class SseStreams {
  readonly #clock: Clock;
  readonly #stallTimeoutMs: number;
  readonly #open = new Set<SseStream>();
  #written: SseStream[] = [];
  #look: Timer | undefined;

  constructor(clock: Clock, stallTimeoutMs: number) {
    this.#clock = clock;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** Begins a stream on a response to which nothing has been written. */
  open(response: ServerResponse, headers: OutgoingHttpHeaders): SseStream {
    const stream = new SseStream(response, headers, {
      clock: this.#clock,
      flushSoon: this.#flushSoon,
      onEnd: this.#onEnd,
      stallTimeoutMs: this.#stallTimeoutMs,
    });
    this.#open.add(stream);
    this.#look ??= this.#clock.every(lookEveryMs, this.#keepAlive);
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
    this.#look?.cancel();
    this.#look = undefined;
  };
}
