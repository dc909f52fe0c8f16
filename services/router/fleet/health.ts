import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { EjectionCause } from "../routing/candidate.ts";
import { Ejection } from "./ejection.ts";
import type { Recent } from "./outliers.ts";
import { RecentOutcomes } from "./recent-outcomes.ts";
import { RecentTimes } from "./recent-times.ts";

/** This many failures in a row eject an endpoint, however its peers do. */
const failureLimit = 5;
/** An answer that is being given shows its pace from this age on, in milliseconds. */
const paceAfterMs = 2000;

/** A generation at an endpoint, as far as it shows the endpoint's speed. */
export interface OpenGeneration {
  readonly takenAt: number;
  readonly foundFreeSlot: boolean;
  readonly firstTokenAt: number | undefined;
  /** Tokens that it has delivered; undefined when they are not counted. */
  readonly tokens: number | undefined;
}

/** How an endpoint has done of late, and whether it is ejected for it. */
export class Health {
  readonly ejection = new Ejection();
  readonly #outcomes = new RecentOutcomes();
  readonly #firstTokens = new RecentTimes();
  readonly #tokens = new RecentTimes();
  readonly #open = new Set<OpenGeneration>();
  #failuresInARow = 0;
  #lastCause: unknown;

  ejectedAt(now: number): EjectionCause | undefined {
    return this.ejection.causeAt(now);
  }

  open(generation: OpenGeneration): void {
    this.#open.add(generation);
  }

  close(generation: OpenGeneration): void {
    this.#open.delete(generation);
  }

  noteFirstToken(ms: number, now: number): void {
    this.#firstTokens.add(ms, now);
  }

  succeed(tokenMs: number | undefined, now: number): void {
    this.#failuresInARow = 0;
    this.#outcomes.add(false, now);
    if (tokenMs !== undefined) this.#tokens.add(tokenMs, now);
  }

  /** Counts a failure of the node, once for each cause, such as a broken relay; false when it was counted before. */
  fail(error: MeshError, now: number): boolean {
    const cause = error.cause ?? error;
    if (cause === this.#lastCause) return false;
    this.#lastCause = cause;
    this.#failuresInARow += 1;
    this.#outcomes.add(true, now);
    return true;
  }

  /** Counts a request that the node called invalid: callers send those to all nodes alike, unless one of them lies. */
  refuse(now: number): void {
    this.#outcomes.add(true, now);
  }

  /** Completes "It …" when it has failed too often in a row. */
  get failingReason(): string | undefined {
    return this.#failuresInARow < failureLimit ? undefined : "failed several times in a row";
  }

  /** Ejects it, or again for longer; what was seen until then does not count when it returns. */
  eject(cause: EjectionCause, reason: string, now: number): void {
    this.ejection.eject(cause, reason, now);
    this.#outcomes.clear();
    this.#firstTokens.clear();
    this.#tokens.clear();
    this.#failuresInARow = 0;
  }

  read(now: number): Recent {
    const open = [...this.#open];
    const tokenMs = open.flatMap(({ firstTokenAt = now, tokens }) =>
      tokens === undefined || now - firstTokenAt < paceAfterMs
        ? []
        : (now - firstTokenAt) / Math.max(1, tokens),
    );
    return {
      ...this.#outcomes.read(now),
      firstTokenMs: this.#firstTokens.read(now),
      waitingMs: open.flatMap(({ takenAt, foundFreeSlot, firstTokenAt }) =>
        foundFreeSlot && firstTokenAt === undefined ? now - takenAt : [],
      ),
      tokenMs: [...this.#tokens.read(now), ...tokenMs],
    };
  }
}
