import type { Ending } from "../../../core/answers/call.ts";
import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { PeerSilent, type RelayClient } from "../../../core/relay/contract.ts";
import type { ModelEndpoint } from "./endpoint.ts";
import type { OpenGeneration } from "./health.ts";
import type { Outcome } from "./outlier-detector.ts";

/** How to make a reservation. */
export interface ReservationOptions {
  readonly endpoint: ModelEndpoint;
  readonly relay: RelayClient;
  readonly clock: Clock;
  /** Called once, when it has been released. `isTrial`: it was to show whether an ejected endpoint may return. */
  readonly onLeave: (outcome: Outcome, isTrial: boolean) => void;
}

/** Failures that count against the node, and not the request or the caller. */
const nodesFault: ReadonlySet<Kind> = new Set(["engine_failed", "node_lost", "internal"]);

/** A node that is only suspected has failed nothing, and gets nothing new while it is. */
const countsAgainstNode = (error: MeshError): boolean =>
  nodesFault.has(error.kind) && !(error instanceof PeerSilent);

/** A generation's claim to an endpoint, from its dispatch to its end; learns how the node did. */
export class Reservation implements OpenGeneration {
  readonly #options: ReservationOptions;
  readonly takenAt: number;
  readonly foundFreeSlot: boolean;
  readonly #isTrial: boolean;
  #firstTokenAt: number | undefined;
  #countTokens: (() => number) | undefined;
  #left = false;

  constructor(options: ReservationOptions) {
    const { endpoint, clock } = options;
    this.#options = options;
    this.takenAt = clock.now();
    this.foundFreeSlot = endpoint.occupied < endpoint.slots;
    this.#isTrial = endpoint.health.ejection.beginTrial(this.takenAt);
    endpoint.open(this);
  }

  get generate(): Generate {
    return this.#options.relay.generate;
  }

  get firstTokenAt(): number | undefined {
    return this.#firstTokenAt;
  }

  get tokens(): number | undefined {
    return this.#countTokens?.();
  }

  /** `countTokens`: the tokens that the node has delivered so far, by which its speed is judged. */
  markFirstToken(countTokens: () => number): void {
    const { endpoint, clock } = this.#options;
    this.#countTokens = countTokens;
    this.#firstTokenAt = clock.now();
    if (this.foundFreeSlot) endpoint.learnFirstToken(this.#firstTokenAt - this.takenAt, this.#firstTokenAt);
  }

  /** Releases the endpoint, once. */
  leave({ finished, error }: Ending): void {
    if (this.#left) return;
    this.#left = true;
    const { endpoint, clock, onLeave } = this.#options;
    endpoint.close(this);
    const now = clock.now();
    let outcome: Outcome;
    if (finished !== undefined) {
      const between = (this.tokens ?? 0) - 1;
      const answeringMs = now - (this.#firstTokenAt ?? now);
      endpoint.learnFinish(now - this.takenAt, between > 0 ? answeringMs / between : undefined, now);
      outcome = "succeeded";
    } else if (countsAgainstNode(error) && endpoint.health.fail(error, now)) outcome = "failed";
    else if (error.kind === "invalid_request") endpoint.health.refuse(now);
    onLeave(outcome, this.#isTrial);
  }
}
