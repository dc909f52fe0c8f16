import type { IncomingMessage } from "node:http";
import { MeshError } from "../../../core/errors/mesh-error.ts";

/** A request that is being answered. */
export interface OpenRequest {
  /** Aborts when the client disconnects, on shutdown, or by `abort`. */
  readonly signal: AbortSignal;
  readonly clientGone: boolean;
  abort(reason: MeshError): void;
  /** Must always be called, in `finally`. */
  end(): void;
}

export class OpenRequests {
  readonly #open = new Set<OpenRequest>();

  /**
   * Watches a request's connection. Not its response: a response that waits behind another one on its connection
   * emits no `close`.
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

  get size(): number {
    return this.#open.size;
  }

  abortAll(reason: MeshError): void {
    for (const request of this.#open) request.abort(reason);
  }
}
