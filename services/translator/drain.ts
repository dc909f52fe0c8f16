import type { Server } from "node:http";
import { type Clock, sleep } from "../../core/clock.ts";
import { shuttingDown } from "./errors/http-faults.ts";
import type { OpenRequests } from "./http/open-requests.ts";

/** What is drained. */
export interface DrainOptions {
  readonly server: Server;
  readonly openRequests: OpenRequests;
  /** Ends what is open on the Connect surface. */
  readonly shutdown: AbortController;
  readonly clock: Clock;
}

/** How often connections whose answer has ended are closed, in milliseconds. */
const sweepMs = 50;
/** Time for the last words to leave, in milliseconds. */
const lastWordsMs = 250;

/**
 * Takes no new connections, lets open answers finish for up to `graceMs`, then ends them with an error and cuts
 * what is still connected. Resolves when no connection is left.
 */
export async function drain(
  { server, openRequests, shutdown, clock }: DrainOptions,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections that were busy when the server closed stay open when they get idle.
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
    if (await within(lastWordsMs)) return;
    server.closeAllConnections();
    await closed;
  } finally {
    sweep.cancel();
  }
}
