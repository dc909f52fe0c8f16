import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import type { Generate } from "../../../core/generate.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import type { Ending } from "../call.ts";
import type { Place } from "./place.ts";

/** What a seat needs to know. */
export interface SeatOptions {
  readonly place: Place;
  readonly relay: RelayClient;
  readonly clock: Clock;
  /** Whether the node may be ejected now. */
  readonly mayRest: () => boolean;
  readonly onRest: () => void;
  readonly onLeave: () => void;
}

/** Failures that say something about the node, and not about the request or the caller. */
const nodesFault: ReadonlySet<Kind> = new Set(["engine_failed", "node_lost", "internal"]);

/** A generation's place on a node, from being sent to its end; learns how the node did. */
export class Seat {
  readonly #options: SeatOptions;
  readonly #takenAt: number;
  readonly #foundFreeSlot: boolean;
  #firstTokenAt: number | undefined;
  #left = false;

  constructor(options: SeatOptions) {
    const { place, clock } = options;
    this.#options = options;
    this.#takenAt = clock.now();
    this.#foundFreeSlot = place.occupied < place.slots;
    place.open();
  }

  /** Generates on this node. */
  get generate(): Generate {
    return this.#options.relay.generate;
  }

  /** The first token has come. */
  markFirstToken(): void {
    const { place, clock } = this.#options;
    this.#firstTokenAt = clock.now();
    if (this.#foundFreeSlot) place.learnFirstToken(this.#firstTokenAt - this.#takenAt, this.#firstTokenAt);
  }

  /** Gives the place back, once. Of the tokens of a finished answer this node did not compute those that came `before`. */
  leave({ finished, error }: Ending, before = 0): void {
    if (this.#left) return;
    this.#left = true;
    const { place, clock, mayRest, onRest, onLeave } = this.#options;
    place.close();
    const now = clock.now();
    if (finished !== undefined) {
      const between = (finished.usage?.completionTokens ?? 0) - before - 1;
      const answeringMs = now - (this.#firstTokenAt ?? now);
      place.learnFinish(now - this.#takenAt, between > 0 ? answeringMs / between : undefined, now);
    } else if (nodesFault.has(error.kind) && place.learnFailure(error, mayRest, now)) onRest();
    onLeave();
  }
}
