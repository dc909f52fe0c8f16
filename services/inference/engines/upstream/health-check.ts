import type { Clock } from "../../../../core/clock.ts";
import { linkSignal } from "../../../../core/streams/link-signal.ts";

/** How long an answer is reused, in milliseconds. */
const freshMs = 300;
/** The time limit of a check, in milliseconds; generations may be silent for little longer. */
const patienceMs = 800;

/** Checks whether a server answers at all, with one cheap request at a time for all waiting generations. */
export class HealthCheck {
  readonly #answers: (signal: AbortSignal) => Promise<boolean>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #asking: Promise<boolean> | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** `answers` asks the server; throwing counts as no. `signal` ends with the engine. */
  constructor(answers: (signal: AbortSignal) => Promise<boolean>, clock: Clock, signal: AbortSignal) {
    this.#answers = answers;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Never rejects. */
  readonly isAlive = (): Promise<boolean> => {
    if (this.#clock.now() - this.#answeredAt < freshMs) return Promise.resolve(true);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  };

  async #ask(): Promise<boolean> {
    const scope = linkSignal(this.#signal);
    const timer = this.#clock.after(patienceMs, () => scope.abort());
    try {
      const isAlive = await this.#answers(scope.signal);
      if (isAlive) this.#answeredAt = this.#clock.now();
      return isAlive;
    } catch {
      return false;
    } finally {
      timer.cancel();
      scope.unlink();
    }
  }
}
