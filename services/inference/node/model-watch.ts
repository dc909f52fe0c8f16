import { type Clock, sleep } from "../../../core/clock.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { GuardedEngines } from "../guard/guard-engines.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";
import { Speedometer } from "./speedometer.ts";

/** How often the engines are asked what they serve, in milliseconds. */
const modelPollMs = 10_000;

/** Loads the engines of a node and follows what they serve, and how fast. */
export class ModelWatch {
  readonly #guard: GuardedEngines;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #speeds = new Speedometer();

  constructor(guard: GuardedEngines, clock: Clock, log: Log) {
    this.#guard = guard;
    this.#clock = clock;
    this.#log = log;
  }

  /** What the engines serve, with measured speeds. */
  get models(): ServedModel[] {
    return this.#guard.models.map((served) => {
      const tokensPerSecond = this.#speeds.speedOf(served.model);
      return tokensPerSecond === undefined ? served : { ...served, tokensPerSecond };
    });
  }

  /** Learns how fast a model is from an answer that has ended. */
  learn(record: AnswerRecord): void {
    this.#speeds.learn(record);
  }

  /** Loads all engines and returns the failures of some. Throws the first failure when none serves anything. */
  async load(signal: AbortSignal): Promise<readonly MeshError[]> {
    const { failures } = await this.#guard.refresh(signal);
    const [failure] = failures;
    const isEmpty = this.#guard.models.length === 0;
    if (failure !== undefined && isEmpty) throw failure;
    this.#warn(failures);
    if (isEmpty) this.#log.warn("the engines serve no model yet");
    return failures;
  }

  /** Calls `onChange` when models or their speeds have changed, until the signal aborts; then it rejects. */
  async follow(onChange: () => void, signal: AbortSignal): Promise<never> {
    let failing = 0;
    for (;;) {
      await sleep(this.#clock, modelPollMs, signal);
      const { changed, failures } = await this.#guard.refresh(signal);
      const faster = this.#speeds.settle();
      if (changed || faster) onChange();
      if (failures.length !== failing) this.#warn(failures);
      failing = failures.length;
    }
  }

  #warn(failures: readonly MeshError[]): void {
    for (const failure of failures) this.#log.warn({ err: failure }, "an engine has no models left");
  }
}
