import type { Server, ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import type { Clock } from "../../../core/clock.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../errors/http-faults.ts";

/** How often idle connections are looked for, in milliseconds. */
const sweepMs = 50;
/**
 * Idle connections are closed once nothing has happened on any for this long, in milliseconds: a client that has just
 * been answered may be sending its next request, which would be lost.
 */
const quietMs = 500;
/** Time for the last errors to be sent, in milliseconds. */
const lastErrorsMs = 250;

/** Ends a server without losing a request that it has accepted. */
export class ServerDrain {
  readonly #server: Server;
  readonly #clock: Clock;
  /** When a connection was last opened or a response ended. */
  #lastActiveAt: number;

  /** Made before the server listens. */
  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.#lastActiveAt = Number.NEGATIVE_INFINITY;
    for (const event of ["connection", "secureConnection"]) server.on(event, this.#onActive);
    server.on("request", (_request, response: ServerResponse) => response.once("close", this.#onActive));
  }

  /**
   * Stops accepting connections, lets open answers finish for up to `graceMs`, then fails them by `abortAll` and closes
   * what is still connected. Resolves when no connection is left.
   */
  async drain(graceMs: number, abortAll: (reason: MeshError) => void): Promise<void> {
    const clock = this.#clock;
    const server = this.#server;
    // Not the `close` of HTTP servers, which also closes connections that are idle at this moment.
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(server, () => resolve());
    });
    const sweep = clock.every(sweepMs, this.#closeIdle);
    this.#closeIdle();
    const within = async (milliseconds: number): Promise<boolean> => {
      const late = Promise.withResolvers<false>();
      const timer = clock.after(milliseconds, () => late.resolve(false));
      const isClosed = await Promise.race([closed.then(() => true), late.promise]);
      timer.cancel();
      return isClosed;
    };
    try {
      if (await within(graceMs)) return;
      abortAll(shuttingDown());
      if (await within(lastErrorsMs)) return;
      server.closeAllConnections();
      await closed;
    } finally {
      sweep.cancel();
    }
  }

  readonly #onActive = (): void => {
    this.#lastActiveAt = this.#clock.now();
  };

  readonly #closeIdle = (): void => {
    if (this.#clock.now() - this.#lastActiveAt >= quietMs) this.#server.closeIdleConnections();
  };
}
