import { type Client, connectivityState } from "@grpc/grpc-js";

/** A call that can be ended. */
export interface Cancellable {
  cancel(): void;
}

/**
 * How long making a connection may take unless told otherwise, in milliseconds: three of the kernel's attempts, which
 * come after 0, 1 and 3 s. The next would come after 7 s and the one after it after 15 s, and grpc-js itself waits for
 * all of them: a link that came back in between was found as late as that.
 */
const defaultConnectLimitMs = 4000;

/**
 * grpc-js's connection to one address, given up and begun anew when it cannot be made in time. A fresh one also looks
 * the name up again, so a peer that moved is found.
 */
export class Connection {
  readonly #open: () => Client;
  readonly #limitMs: number;
  #client: Client;
  /** The calls that wait for the connection, while one is being made. */
  #waiting: Set<Cancellable> | undefined;
  readonly #givenUp = new WeakSet<Cancellable>();
  #closed = false;

  constructor(open: () => Client, limitMs = defaultConnectLimitMs) {
    this.#open = open;
    this.#limitMs = limitMs;
    this.#client = open();
  }

  /** Begins a call. When no connection can be made in time, the call is cancelled and `gaveUp` is true of it. */
  begin<Call extends Cancellable>(start: (client: Client) => Call): Call {
    const client = this.#client;
    const call = start(client);
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return call;
    if (this.#waiting === undefined) {
      const waiting = new Set<Cancellable>();
      this.#waiting = waiting;
      client.waitForReady(Date.now() + this.#limitMs, (error) => {
        this.#waiting = undefined;
        if (error !== undefined && !this.#closed) this.#replace(client, waiting);
      });
    }
    this.#waiting.add(call);
    return call;
  }

  /** Whether a call failed because no connection could be made in time. */
  gaveUp(call: Cancellable): boolean {
    return this.#givenUp.has(call);
  }

  /** Ends the connection and the calls on it. */
  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  #replace(client: Client, waiting: ReadonlySet<Cancellable>): void {
    this.#client = this.#open();
    for (const call of waiting) {
      this.#givenUp.add(call);
      call.cancel();
    }
    client.close();
  }
}
