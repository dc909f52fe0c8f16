import { type Client, connectivityState } from "@grpc/grpc-js";

/** A call that can be ended. */
export interface Cancellable {
  cancel(): void;
}

/** Three of the kernel's attempts, after 0, 1 and 3 s; grpc-js would also wait for those after 7 and 15 s. */
const defaultConnectLimitMs = 4000;

/** grpc-js's connection to one address. One that cannot be made in time is replaced, which also resolves the name again. */
export class Connection {
  readonly #open: () => Client;
  readonly #limitMs: number;
  #client: Client;
  #waiting: Set<Cancellable> | undefined;
  readonly #givenUp = new WeakSet<Cancellable>();
  #closed = false;

  constructor(open: () => Client, limitMs = defaultConnectLimitMs) {
    this.#open = open;
    this.#limitMs = limitMs;
    this.#client = open();
  }

  /** Starts a call; cancelled, with `gaveUp` true, when no connection can be made in time. */
  start<Call extends Cancellable>(makeCall: (client: Client) => Call): Call {
    const client = this.#client;
    const call = makeCall(client);
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return call;
    if (this.#waiting === undefined) {
      const waiting = new Set<Cancellable>();
      this.#waiting = waiting;
      client.waitForReady(Date.now() + this.#limitMs, (error) => {
        if (this.#waiting === waiting) this.#waiting = undefined;
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

  /** Makes another connection for new calls. Returns how to close the former one. */
  renew(): () => void {
    const former = this.#client;
    this.#client = this.#open();
    this.#waiting = undefined;
    return () => former.close();
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  #replace(client: Client, waiting: ReadonlySet<Cancellable>): void {
    if (this.#client === client) this.#client = this.#open();
    for (const call of waiting) {
      this.#givenUp.add(call);
      call.cancel();
    }
    client.close();
  }
}
