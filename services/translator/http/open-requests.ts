import type { IncomingMessage } from "node:http";
import { MeshError } from "../../../core/errors/mesh-error.ts";

/** A request whose answer is being made. */
export interface OpenRequest {
  /** Aborts when the client is gone, when the server gives the request up, or by `abort`. */
  readonly signal: AbortSignal;
  /** Whether anybody is left to read the answer. */
  readonly clientGone: boolean;
  abort(reason: MeshError): void;
  /** Call it always, in `finally`. */
  end(): void;
}

/** The requests of a server whose answers are being made. */
export class OpenRequests {
  readonly #open = new Set<OpenRequest>();

  /**
   * Begins to watch a request's connection. The connection and not the response, because a response that waits
   * behind another one on its connection never hears of its end.
   */
  begin({ socket }: IncomingMessage): OpenRequest {
    const controller = new AbortController();
    const request = {
      signal: controller.signal,
      clientGone: false,
      abort: (reason: MeshError) => controller.abort(reason),
      end: () => {
        this.#open.delete(request);
        socket.off("close", onGone);
      },
    };
    const onGone = () => {
      request.clientGone = true;
      controller.abort(new MeshError("cancelled", "The client closed the connection."));
    };
    this.#open.add(request);
    if (socket.destroyed) onGone();
    else socket.once("close", onGone);
    return request;
  }

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

  /** Gives all of them up. */
  abortAll(reason: MeshError): void {
    for (const request of this.#open) request.abort(reason);
  }
}
