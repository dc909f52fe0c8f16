import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import type { Clock, Timer } from "../../../core/clock.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { openRelay } from "../../../core/relay/client.ts";
import type { RelayClient, SilentGeneration } from "../../../core/relay/contract.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { ClientBound, EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { type RelayRequest, RouterService } from "../../../gen/cxmpute/router/v1/router_pb.ts";

interface RouterLinkOptions {
  readonly transport: Transport;
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1); spreads the attempts of many translators. */
  readonly random: () => number;
  /** As in `RelayClientOptions`. */
  readonly mayMove?: (link: RouterLink, silent: SilentGeneration) => boolean;
}

const reconnect = { firstMs: 100, limitMs: 5000 } as const;

/**
 * The connection to one router: its unary calls, and a relay that is reopened whenever it ends.
 *
 *     opening ──first frame──▶ connected ──relay ends──▶ waiting ──jittered backoff──▶ opening …
 */
export class RouterLink {
  readonly client: Client<typeof RouterService>;
  readonly #options: RouterLinkOptions;
  /** Undefined between attempts. */
  relay: RelayClient | undefined;
  /** Whether the router has responded on the relay. */
  connected = false;
  #failures = 0;
  readonly #backoff: Backoff;
  #retry: Timer | undefined;
  #closed = false;

  constructor(options: RouterLinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...reconnect, random: options.random });
    this.client = createClient(RouterService, options.transport);
    this.#open();
  }

  /** For logs. */
  get name(): string {
    return this.#options.name;
  }

  /** Whether the router refuses new generations. */
  get draining(): boolean {
    return this.relay?.load?.draining === true;
  }

  /** Whether the router is silent for longer than usual, so that it may be lost. */
  get suspected(): boolean {
    return this.relay?.suspected === true;
  }

  close(reason: MeshError): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.relay?.close(reason);
  }

  #open(): void {
    const { clock, mayMove = () => false } = this.#options;
    const relay = openRelay({
      clock,
      exchange: this.#exchange,
      mayMove: (silent) => mayMove(this, silent),
    });
    this.relay = relay;
    void relay.closed.then(this.#onEnd);
  }

  readonly #exchange = async function* (
    this: RouterLink,
    frames: AsyncIterable<EngineBound>,
    signal: AbortSignal,
  ): AsyncGenerator<ClientBound> {
    for await (const { frame } of this.client.relay(toRequests(frames), { signal })) {
      if (!this.connected) this.#onConnected();
      if (frame !== undefined) yield frame;
    }
  }.bind(this);

  #onConnected(): void {
    this.connected = true;
    // A first connection that succeeds is not worth a log line.
    const level = this.#failures > 0 ? "info" : "debug";
    this.#failures = 0;
    this.#backoff.reset();
    this.#options.log[level]({ router: this.#options.name }, "connected to router");
  }

  readonly #onEnd = (reason: MeshError): void => {
    const { clock, log, name } = this.#options;
    const wasConnected = this.connected;
    this.relay = undefined;
    this.connected = false;
    if (this.#closed) return;
    const delayMs = this.#backoff.next();
    this.#failures += 1;
    // Only the first failure is worth a log line.
    const level = wasConnected || this.#failures === 1 ? "warn" : "debug";
    log[level]({ router: name, reason: reason.message, retry_ms: Math.round(delayMs) }, "router unreachable");
    this.#retry = clock.after(delayMs, () => this.#open());
  };
}

async function* toRequests(frames: AsyncIterable<EngineBound>): AsyncGenerator<RelayRequest> {
  for await (const frame of frames) yield { $typeName: "cxmpute.router.v1.RelayRequest", frame };
}
