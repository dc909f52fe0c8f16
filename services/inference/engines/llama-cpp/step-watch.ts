import type { Clock, Timer } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { heartbeatEvent } from "../../../../core/generation/events.ts";
import { heartbeatMs } from "../../../../core/relay/contract.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Result of `StepWatch.wait` when a heartbeat is due. */
export const heartbeat = Symbol("heartbeat");

/** Waits for native steps, which cannot be cancelled: an aborted or late one keeps running as `unsettled`. */
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
    this.#timer = clock.every(heartbeatMs / 2, this.#onTick);
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Runs a step and returns its result; yields signs of life while it takes long. */
  async *run<T>(work: () => Promise<T>): AsyncGenerator<GenerationEvent, T> {
    const step = this.begin(work);
    for (;;) {
      const result = await this.wait(step);
      if (result !== heartbeat) return result;
      yield this.sign();
    }
  }

  /** A sign of life, which postpones the next one. */
  sign(): GenerationEvent {
    this.shown();
    return heartbeatEvent();
  }

  /** The step that is still running, if any. */
  get unsettled(): Promise<unknown> | undefined {
    return this.#step;
  }

  /** Starts a step, one at a time. Throws the signal's reason when it has aborted. */
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

  /** Resolves with the step's result, or with `heartbeat` when one is due. Rejects on abort and timeout. */
  wait<T>(step: Promise<T>): Promise<T | typeof heartbeat> {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    return new Promise<T | typeof heartbeat>((resolve, reject) => {
      this.#waiter = { resolve, reject };
      step.then(resolve, reject);
    });
  }

  /** Records that an event was sent, which postpones the next heartbeat. */
  shown(): void {
    this.#shownAt = this.#clock.now();
  }

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
    else if (now - this.#shownAt >= heartbeatMs) this.#waiter?.resolve(heartbeat);
  };

  readonly #onAbort = (): void => this.#waiter?.reject(this.#signal.reason);
}

/** A native step that takes longer hangs: even a chunk of a prompt is sized to take far less. */
const patienceMs = 30_000;
