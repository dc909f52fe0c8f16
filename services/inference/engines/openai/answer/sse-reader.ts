import { createParser } from "eventsource-parser";
import type { Clock } from "../../../../../core/clock.ts";
import { ConnectionFailure, connectionFailure } from "../upstream/client.ts";

/** One event of a stream: its JSON, or `[DONE]`. */
export type SseEvent =
  | { readonly kind: "data"; readonly value: unknown; readonly isError: boolean }
  | { readonly kind: "done" };

/** The longest event, in characters. */
const eventLimit = 8 * 1024 * 1024;
/** How long the rest of a complete answer's body may take, in milliseconds. */
const restMs = 1000;

/** Reads events, even a last one without blank line. Anything else than JSON or `[DONE]` is a failure. */
export class SseReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #base: string;
  readonly #decoder = new TextDecoder();
  #events: SseEvent[] = [];
  #broken: string | undefined;
  readonly #parser = createParser({
    maxBufferSize: eventLimit,
    onEvent: ({ event, data }) => this.#take(event, data),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") this.#broken = "an event of more than 8 MiB";
    },
  });

  constructor(body: ReadableStream<Uint8Array>, base: string) {
    this.#reader = body.getReader();
    this.#base = base;
  }

  /** The events in the next piece of the body, if any; undefined at its end. Throws `ConnectionFailure`. */
  async next(): Promise<readonly SseEvent[] | undefined> {
    let piece: { readonly done: boolean; readonly value?: Uint8Array | undefined };
    try {
      piece = await this.#reader.read();
    } catch (error) {
      throw connectionFailure(error, this.#base);
    }
    // Two line ends release a last event without blank line.
    this.#parser.feed(
      piece.done ? `${this.#decoder.decode()}\n\n` : this.#decoder.decode(piece.value, { stream: true }),
    );
    if (this.#broken !== undefined)
      throw new ConnectionFailure(
        `The server at ${this.#base} sent ${this.#broken} in an event stream.`,
        false,
      );
    const events = this.#events;
    this.#events = [];
    return piece.done && events.length === 0 ? undefined : events;
  }

  /** Reads the rest of a complete answer for up to a second, so that its connection can be reused. Never rejects. */
  async finish(clock: Clock): Promise<void> {
    const timer = clock.after(restMs, () => void this.#reader.cancel().catch(() => {}));
    try {
      while (!(await this.#reader.read()).done);
    } catch {
    } finally {
      timer.cancel();
    }
  }

  #take(event: string | undefined, data: string): void {
    const text = data.trim();
    if (text === "" || keepAlives.has(event ?? "")) return;
    if (text === "[DONE]") {
      this.#events.push({ kind: "done" });
      return;
    }
    try {
      this.#events.push({ kind: "data", value: JSON.parse(text), isError: event === "error" });
    } catch {
      if (event === "error") this.#events.push({ kind: "data", value: text, isError: true });
      else this.#broken = "what is no JSON";
    }
  }
}

const keepAlives = new Set(["ping", "keepalive", "keep-alive", "heartbeat"]);
