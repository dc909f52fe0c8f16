import { connect, type Socket } from "node:net";
import type { Target } from "../../peers/contract.ts";
import { promptOf } from "../workload.ts";
import type { Load } from "./protocol.ts";
import { HttpResponse } from "./response.ts";

/** One buffer for all reads: each is copied on within its own callback. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/** A keep-alive connection that carries one request at a time. */
export class Connection {
  readonly #socket: Socket;
  readonly #response = new HttpResponse();
  #settle: ((bytes: Buffer | undefined) => void) | undefined;
  #open = true;
  #reads = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Connects; rejects when nobody listens. */
  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const onread = { buffer: readBuffer, callback: (length: number) => connection!.#receive(length) };
      const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread }, () => resolve(connection!));
      connection = new Connection(socket);
      socket.once("error", reject);
      socket.on("close", () => connection!.#close());
    });
  }

  /** Sends a request; resolves with the whole raw response, or undefined when the connection closed instead. */
  ask(request: string): Promise<Buffer | undefined> {
    if (!this.#open) return Promise.resolve(undefined);
    this.#response.reset();
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket.write(request, "latin1");
    });
  }

  /** Reads from the socket so far; fewer than there were writes where the other side, or the kernel, joined some. */
  get reads(): number {
    return this.#reads;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(length: number): boolean {
    this.#reads += 1;
    if (this.#response.push(readBuffer, length)) this.#finish(this.#response.copy());
    return true;
  }

  #close(): void {
    this.#open = false;
    this.#finish(undefined);
  }

  #finish(bytes: Buffer | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(bytes);
  }
}

/** The bytes of one request. */
export function requestText({ port, headers }: Target, load: Load, stream: number): string {
  const body = JSON.stringify({
    model: load.model,
    messages: [{ role: "user", content: promptOf(stream) }],
    max_tokens: load.tokens,
    ...(load.streamed ? { stream: true } : {}),
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join("")}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
