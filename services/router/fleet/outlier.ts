import type { MeshError } from "../../../core/errors/mesh-error.ts";

/** This many failures in a row eject a node. */
const failureLimit = 5;
/** The first ejection; each further one lasts twice as long. */
const firstEjectionMs = 5000;
const longestEjectionMs = 300_000;

/** Ejects a node that keeps failing one model, then for longer after each further failure, until a success. */
export class Outlier {
  #failures = 0;
  #ejections = 0;
  #ejectedUntil = 0;
  #lastCause: unknown;

  /** 0 when it is not ejected. */
  ejectedForMs(now: number): number {
    return Math.max(0, this.#ejectedUntil - now);
  }

  succeed(now: number): void {
    this.#failures = 0;
    if (now - this.#ejectedUntil > ejectionMs(this.#ejections)) this.#ejections = 0;
  }

  /** Counts a failure of the node, once for each cause, such as a broken relay. True when it ejects the node. */
  fail(error: MeshError, now: number, mayEject: () => boolean): boolean {
    const cause = error.cause ?? error;
    if (cause === this.#lastCause || this.ejectedForMs(now) > 0) return false;
    this.#lastCause = cause;
    this.#failures += 1;
    if (this.#failures < failureLimit || !mayEject()) return false;
    this.#failures = failureLimit - 1;
    this.#ejectedUntil = now + ejectionMs(this.#ejections);
    this.#ejections += 1;
    return true;
  }
}

const ejectionMs = (ejections: number): number =>
  Math.min(longestEjectionMs, firstEjectionMs * 2 ** ejections);
