import { randomUUID } from "node:crypto";
import type { StartAnswer } from "../../core/answers/call.ts";
import { continueAnswer } from "../../core/answers/continue-answer.ts";
import { DeliveryLog } from "../../core/answers/delivery-log.ts";
import { SurvivingAnswer } from "../../core/answers/surviving-answer.ts";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Generate } from "../../core/generate.ts";
import { checkGeneration } from "../../core/generation/check-generation.ts";
import { type Layer, stack } from "../../core/layers.ts";
import { shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import { logGenerations, notifyAll, type OnGenerationEnd } from "../../core/telemetry/generation-record.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { RoutedCall } from "./call.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { Admission } from "./layers/admission.ts";
import { deadline } from "./layers/deadline.ts";
import { dispatch } from "./layers/dispatch.ts";
import { failover, isMovable } from "./layers/failover.ts";
import { LostBeginnings } from "./layers/lost-beginnings.ts";
import { observe } from "./layers/observe.ts";
import { RetryBudget } from "./layers/retry-budget.ts";
import type { QueueLimits } from "./queue-limits.ts";
import { isSuited } from "./routing/filters.ts";
import type { Profile } from "./routing/profile.ts";

/** How to make a pipeline. */
export interface PipelineOptions extends QueueLimits {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly profile: Profile;
  /** How long an answer may take, in milliseconds; absent for as long as its caller allows. */
  readonly answerTimeoutMs?: number;
  /** How long a node may show nothing new of an answer, in milliseconds; default: five minutes. */
  readonly progressTimeoutMs?: number;
  /** The most attempts before the first token, and the most that may fail at each continuation. */
  readonly attemptLimit: number;
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
}

/** Takes generations from callers to nodes. */
export interface Pipeline {
  readonly generate: Generate;
  readonly open: OpenCalls;
  readonly draining: boolean;
  refuseNew(): void;
}

/** Makes a pipeline: layers in call order around the core. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { fleet, clock, log, attemptLimit, queueTimeoutMs } = options;
  const { onGenerationEnd = [logGenerations(log)] } = options;
  const open = new OpenCalls();
  const admission = new Admission(options);
  const budget = new RetryBudget(clock);
  const deliveries = new DeliveryLog();
  let draining = false;
  fleet.onChange(() => admission.admit());

  /** Counts a generation as open; refuses malformed ones, and all while draining. */
  const accept: Layer<StartAnswer<RoutedCall>> = (next) => async (call) => {
    open.add(call);
    checkGeneration(call.generation);
    if (draining) throw new MeshError("saturated", shuttingDown, { retryAfterMs: 1000 });
    return next(call);
  };
  /** Queues generations; an answer that has started, here or in another router, has had its turn. */
  const inTurn: Layer<StartAnswer<RoutedCall>> = (next) => {
    const queue = admission.layer(next);
    return (call) => (call.asked.resume?.beingRead === true ? next(call) : queue(call));
  };
  const beginnings = new LostBeginnings(clock);
  const send = stack<StartAnswer<RoutedCall>>(
    [failover({ budget, attemptLimit, beginnings })],
    dispatch(options),
  );
  const route = stack<StartAnswer<RoutedCall>>(
    [
      // Outermost, so that every end is observed.
      observe({ clock, log, onGenerationEnd: notifyAll(onGenerationEnd, log) }),
      accept,
      // Around the queue, so that time spent there counts.
      deadline(options),
      // Around failover: a generation that fails over keeps its turn.
      inTurn,
    ],
    send,
  );
  const continueOn = continueAnswer<RoutedCall>({
    start: send,
    mayContinue: (_call, failure) => isMovable(failure),
    isPossible: (generation, { needs, leastContext }) =>
      fleet
        .candidates(generation.model)
        .some((candidate) => isSuited(candidate, { generation, needs, leastContext, tried: [] })),
    clock,
    log,
    sourceName: "node",
    patienceMs: queueTimeoutMs,
    attemptLimit,
  });
  const parts = { start: route, continueOn, deliveries, sourcesContinue: false };

  return {
    generate(generation, signal) {
      const named = generation.id === "" ? { ...generation, id: randomUUID() } : generation;
      return new SurvivingAnswer(new RoutedCall(named, clock.now()), signal, parts);
    },
    open,
    get draining() {
      return draining;
    },
    refuseNew() {
      draining = true;
    },
  };
}

/** The generations that are open in a router. */
class OpenCalls {
  readonly #calls = new Set<RoutedCall>();
  readonly #idle = new Set<() => void>();

  get size(): number {
    return this.#calls.size;
  }

  add(call: RoutedCall): void {
    this.#calls.add(call);
    call.onEnd(() => {
      this.#calls.delete(call);
      if (this.#calls.size > 0) return;
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    });
  }

  /** Resolves when none is open, or after `graceMs`. */
  async whenIdle(graceMs: number, clock: Clock): Promise<void> {
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(graceMs, resolve);
    this.#idle.add(resolve);
    await promise;
    timer.cancel();
    this.#idle.delete(resolve);
  }

  abort(reason: MeshError): void {
    for (const call of [...this.#calls]) call.abort(reason);
  }
}
