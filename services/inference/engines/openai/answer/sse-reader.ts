import { createParser } from "eventsource-parser";
import { connectionFailure, RequestFailure } from "../upstream/client.ts";

/** One event of a stream: its JSON, or that it was the last. */
export type SseEvent =
  | { readonly kind: "data"; readonly value: unknown; readonly isError: boolean }
  | { readonly kind: "done" };

/** The most that one event may hold, in characters. */
const eventLimit = 8 * 1024 * 1024;
/** How long the rest of a body may take once its answer is complete, in milliseconds. */
const restMs = 1000;

/**
 * Reads the events of a response. Whatever servers do to the format is taken: comments, any line ends, data without
 * a space or over several lines, a byte order mark, ids, retry times, pings, empty data, a last event without its
 * blank line. What is neither JSON nor `[DONE]` is a failure.
 */
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

  /** `base` names the server. */
  constructor(body: ReadableStream<Uint8Array>, base: string) {
    this.#reader = body.getReader();
    this.#base = base;
  }

  /** What the next piece of the body holds, perhaps nothing; undefined at its end. Throws `RequestFailure`. */
  async next(): Promise<readonly SseEvent[] | undefined> {
    let piece: { readonly done: boolean; readonly value?: Uint8Array | undefined };
    try {
      piece = await this.#reader.read();
    } catch (error) {
      throw connectionFailure(error, this.#base);
    }
    // At the end two line ends let go of an event that lacks its blank line.
    this.#parser.feed(
      piece.done ? `${this.#decoder.decode()}\n\n` : this.#decoder.decode(piece.value, { stream: true }),
    );
    if (this.#broken !== undefined)
      throw new RequestFailure({
        broke: false,
        words: `The server at ${this.#base} sent ${this.#broken} in an event stream.`,
      });
    const events = this.#events;
    this.#events = [];
    return piece.done && events.length === 0 ? undefined : events;
  }

  /**
   * Lets the rest of a complete answer come, so that its connection can be used again; gives it up after a second.
   * Never rejects.
   */
  async finish(after: (delayMs: number, callback: () => void) => { cancel(): void }): Promise<void> {
    const timer = after(restMs, () => void this.giveUp());
    try {
      while (!(await this.#reader.read()).done);
    } catch {
      // Broken off: nothing is lost.
    } finally {
      timer.cancel();
    }
  }

  /** Gives the body up, and with it the connection. Never rejects. */
  async giveUp(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
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

/** Events that say nothing. */
const keepAlives = new Set(["ping", "keepalive", "keep-alive", "heartbeat"]);
