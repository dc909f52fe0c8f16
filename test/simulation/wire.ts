import type { Transport } from "@connectrpc/connect";
import type { Clock, Timer } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { Channel } from "../../core/streams/channel.ts";

/** After so long a silence both ends hold the connection for broken, as by HTTP/2 keepalive, in milliseconds. */
const keepaliveMs = 20_000;

interface Call {
  /** Breaks it at both ends. */
  breakOff(reason: MeshError): void;
}

/** The network between two processes: it can fall silent, and connections over it can break. */
export class Wire {
  readonly #clock: Clock;
  readonly #calls = new Set<Call>();
  #silence: PromiseWithResolvers<void> | undefined;
  #keepalive: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on nothing arrives, in either direction, and nobody is told. */
  silence(): void {
    if (this.#silence !== undefined) return;
    this.#silence = Promise.withResolvers();
    this.#keepalive = this.#clock.after(keepaliveMs, () => this.cut());
  }

  /** What was under way arrives. */
  heal(): void {
    this.#keepalive?.cancel();
    this.#silence?.resolve();
    this.#silence = undefined;
  }

  /** Breaks every connection; new ones can be made unless the wire is silent. */
  cut(): void {
    const reason = new MeshError("node_lost", "The connection broke.");
    for (const call of [...this.#calls]) call.breakOff(reason);
    this.#calls.clear();
  }

  /** A transport over this wire to whatever is at its other end when a call begins; undefined for nothing. */
  to(target: () => Transport | undefined): Transport {
    return {
      unary: (...call) => reached(target()).unary(...call),
      stream: async (method, signal, timeoutMs, header, input, values) => {
        await this.#passable();
        const server = new AbortController();
        const arriving = new Channel<never>({ capacity: Number.POSITIVE_INFINITY });
        const answers = new Channel<never>({
          capacity: Number.POSITIVE_INFINITY,
          onLeave: () => void this.#passable().then(end),
        });
        const call: Call = {
          breakOff(reason) {
            arriving.fail(reason);
            answers.fail(reason);
            server.abort(reason);
          },
        };
        const end = () => {
          this.#calls.delete(call);
          server.abort(new MeshError("cancelled", "The caller left."));
        };
        const leave = () => {
          answers.fail(signal?.reason);
          void this.#passable().then(end);
        };
        signal?.throwIfAborted();
        this.#calls.add(call);
        signal?.addEventListener("abort", leave, { once: true });
        void this.#carry(input as AsyncIterable<never>, arriving);
        const open = { method, timeoutMs, header, values };
        const response = await reached(target()).stream(
          open.method,
          server.signal,
          open.timeoutMs,
          open.header,
          arriving as never,
          open.values,
        );
        void this.#carry(response.message as AsyncIterable<never>, answers).finally(() => {
          signal?.removeEventListener("abort", leave);
          this.#calls.delete(call);
        });
        return { ...response, message: answers } as never;
      },
    };
  }

  async #carry(from: AsyncIterable<never>, to: Channel<never>): Promise<void> {
    try {
      for await (const message of from) {
        await this.#passable();
        to.push(message);
      }
      await this.#passable();
      to.close();
    } catch (error) {
      await this.#passable();
      to.fail(error);
    }
  }

  async #passable(): Promise<void> {
    while (this.#silence !== undefined) await this.#silence.promise;
  }
}

function reached(transport: Transport | undefined): Transport {
  if (transport !== undefined) return transport;
  throw new MeshError("node_lost", "Connection refused.");
}
