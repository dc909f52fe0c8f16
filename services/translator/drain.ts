import type { Server } from "node:http";
import { type Clock, sleep } from "../../core/clock.ts";
import { shuttingDown } from "./errors/http-faults.ts";
import type { OpenRequests } from "./http/open-requests.ts";

/** What is drained. */
export interface DrainOptions {
  readonly server: Server;
  readonly openRequests: OpenRequests;
  /** Aborts open calls of the Connect surface. */
  readonly shutdown: AbortController;
  readonly clock: Clock;
}

/** How often idle connections are closed, in milliseconds. */
const sweepMs = 50;
/** Time for the last errors to be sent, in milliseconds. */
const lastErrorsMs = 250;

/**
 * Stops accepting connections, lets open answers finish for up to `graceMs`, then fails them and closes what is still
 * connected. Resolves when no connection is left.
 */
export async function drain(
  { server, openRequests, shutdown, clock }: DrainOptions,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections that were busy at `close` stay open once they are idle.
  const sweep = clock.every(sweepMs, () => server.closeIdleConnections());
  const within = async (milliseconds: number): Promise<boolean> => {
    const waiting = new AbortController();
    const isClosed = await Promise.race([
      closed.then(() => true),
      sleep(clock, milliseconds, waiting.signal).then(
        () => false,
        () => true,
      ),
    ]);
    waiting.abort();
    return isClosed;
  };
  try {
    if (await within(graceMs)) return;
    openRequests.abortAll(shuttingDown());
    shutdown.abort(shuttingDown());
    if (await within(lastErrorsMs)) return;
    server.closeAllConnections();
    await closed;
  } finally {
    sweep.cancel();
  }
}
