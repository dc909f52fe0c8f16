import type { Clock, Timer } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { beatMs } from "../../../../core/relay/contract.ts";

/** What `StepWatch.wait` gives when it is time for a sign of life. */
export const heartbeat = Symbol("heartbeat");

/**
 * Waits for the native steps of one generation: not longer than patience allows, not a moment after an abort, and
 * never silently for long. A native step cannot be stopped, so a step that is given up goes on behind; `unsettled`
 * is that step.
 */
export class StepWatch {
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #waiter: { resolve(value: typeof heartbeat): void; reject(reason: unknown): void } | undefined;
  #step: Promise<unknown> | undefined;
  #stepSince = 0;
  #shownAt: number;

  constructor(signal: AbortSignal, clock: Clock) {
    this.#signal = signal;
    this.#clock = clock;
    this.#shownAt = clock.now();
    this.#timer = clock.every(beatMs / 2, this.#onTick);
    signal.addEventListener("abort", this.#onAbort);
  }

  /** The step that has not ended, if any. */
  get unsettled(): Promise<unknown> | undefined {
    return this.#step;
  }

  /** Begins a step; throws the signal's reason instead when it has aborted. One at a time. */
  begin<T>(work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const step = work();
    this.#step = step;
    this.#stepSince = this.#clock.now();
    const settled = () => {
      if (this.#step === step) this.#step = undefined;
    };
    step.then(settled, settled);
    return step;
  }

  /**
   * Resolves with what the step gives, or with `heartbeat` when it is time for a sign of life: then call again with
   * the same step. Rejects with the signal's reason on abort, and with `engine_failed` when patience ends.
   */
  wait<T>(step: Promise<T>): Promise<T | typeof heartbeat> {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    return new Promise<T | typeof heartbeat>((resolve, reject) => {
      this.#waiter = { resolve, reject };
      step.then(resolve, reject);
    });
  }

  /** Something was shown: the next sign of life has time. */
  shown(): void {
    this.#shownAt = this.#clock.now();
  }

  /** Lets go of the signal and of time. */
  close(): void {
    this.#timer.cancel();
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  readonly #onTick = (): void => {
    if (this.#step === undefined) return;
    const now = this.#clock.now();
    if (now - this.#stepSince >= patienceMs)
      this.#waiter?.reject(
        new MeshError("engine_failed", `The engine needed more than ${patienceMs / 1000} s for one step.`),
      );
    else if (now - this.#shownAt >= beatMs) this.#waiter?.resolve(heartbeat);
  };

  readonly #onAbort = (): void => this.#waiter?.reject(this.#signal.reason);
}

/** A native step that takes longer has hung: the longest, a chunk of a prompt, is sized to take far less. */
const patienceMs = 30_000;
