import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import type { Generate } from "../../../core/generate.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import type { Ending } from "../call.ts";
import type { ModelEndpoint } from "./endpoint.ts";

/** How to make a reservation. */
export interface ReservationOptions {
  readonly endpoint: ModelEndpoint;
  readonly relay: RelayClient;
  readonly clock: Clock;
  readonly mayEject: () => boolean;
  readonly onEject: () => void;
  readonly onLeave: () => void;
}

/** Failures that count against the node, and not the request or the caller. */
const nodesFault: ReadonlySet<Kind> = new Set(["engine_failed", "node_lost", "internal"]);

/** A generation's claim to an endpoint, from its dispatch to its end; learns how the node did. */
export class Reservation {
  readonly #options: ReservationOptions;
  readonly #takenAt: number;
  readonly #foundFreeSlot: boolean;
  #firstTokenAt: number | undefined;
  #left = false;

  constructor(options: ReservationOptions) {
    const { endpoint, clock } = options;
    this.#options = options;
    this.#takenAt = clock.now();
    this.#foundFreeSlot = endpoint.occupied < endpoint.slots;
    endpoint.open();
  }

  get generate(): Generate {
    return this.#options.relay.generate;
  }

  markFirstToken(): void {
    const { endpoint, clock } = this.#options;
    this.#firstTokenAt = clock.now();
    if (this.#foundFreeSlot) endpoint.learnFirstToken(this.#firstTokenAt - this.#takenAt, this.#firstTokenAt);
  }

  /** Releases the endpoint, once. `before`: tokens of the answer that other nodes computed. */
  leave({ finished, error }: Ending, before = 0): void {
    if (this.#left) return;
    this.#left = true;
    const { endpoint, clock, mayEject, onEject, onLeave } = this.#options;
    endpoint.close();
    const now = clock.now();
    if (finished !== undefined) {
      const between = (finished.usage?.completionTokens ?? 0) - before - 1;
      const answeringMs = now - (this.#firstTokenAt ?? now);
      endpoint.learnFinish(now - this.#takenAt, between > 0 ? answeringMs / between : undefined, now);
    } else if (nodesFault.has(error.kind) && endpoint.learnFailure(error, mayEject, now)) onEject();
    onLeave();
  }
}
