import type { Clock } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { EjectionCause } from "../routing/candidate.ts";
import type { ModelEndpoint } from "./endpoint.ts";
import { Peers } from "./outliers.ts";

/** The least time between two looks at the endpoints of a model, in milliseconds. */
const lookMs = 500;

/** What a generation that has ended shows of its endpoint; undefined: nothing, as when its caller left. */
export type Outcome = "succeeded" | "failed" | undefined;

/** Ejects endpoints that fail or are slow, at most half of those of a model at a time, and lets them return. */
export class OutlierDetector {
  readonly #clock: Clock;
  readonly #log: Log;
  /** By the list of a model's endpoints, which is replaced whenever one joins or leaves. */
  readonly #lastLooks = new WeakMap<readonly ModelEndpoint[], number>();

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A generation at `endpoint`, one of those of `model`, has ended. `isTrial`: see `Ejection`. */
  onEnd(
    model: string,
    endpoint: ModelEndpoint,
    all: readonly ModelEndpoint[],
    outcome: Outcome,
    isTrial: boolean,
  ) {
    const now = this.#clock.now();
    if (isTrial) this.#endTrial(model, endpoint, all, outcome, now);
    const reason = endpoint.health.failingReason;
    if (outcome === "failed" && reason !== undefined)
      this.#eject(model, endpoint, all, "failing", reason, now);
    if (now - (this.#lastLooks.get(all) ?? Number.NEGATIVE_INFINITY) < lookMs) return;
    this.#lastLooks.set(all, now);
    this.#look(model, all, now);
  }

  #look(model: string, all: readonly ModelEndpoint[], now: number): void {
    if (all.length < 2) return;
    const recent = all.map(({ health }) => health.read(now));
    const peers = new Peers(recent);
    for (const [index, endpoint] of all.entries()) {
      const verdict = endpoint.health.ejection.isOut ? undefined : peers.judge(recent[index]!);
      if (verdict !== undefined) this.#eject(model, endpoint, all, verdict.cause, verdict.reason, now);
    }
  }

  #endTrial(
    model: string,
    { node, health }: ModelEndpoint,
    all: readonly ModelEndpoint[],
    outcome: Outcome,
    now: number,
  ): void {
    const own = health.read(now);
    const isSlow =
      outcome === "succeeded" &&
      new Peers(all.map((each) => (each.health === health ? own : each.health.read(now)))).judgeTimes(
        own,
        1,
      ) !== undefined;
    const passed = outcome === undefined ? undefined : outcome === "succeeded" && !isSlow;
    if (health.ejection.endTrial(passed, now))
      this.#log.info({ node_id: node.id, model }, "node returned after its ejection");
    else if (passed === false) this.#logEjection(model, node.id, health.ejection.describe(now));
  }

  #eject(
    model: string,
    endpoint: ModelEndpoint,
    all: readonly ModelEndpoint[],
    cause: EjectionCause,
    reason: string,
    now: number,
  ): void {
    const { health, node } = endpoint;
    if (health.ejection.isOut || !mayEject(endpoint, all)) return;
    health.eject(cause, reason, now);
    this.#logEjection(model, node.id, health.ejection.describe(now));
  }

  #logEjection(model: string, nodeId: string, reason: string): void {
    this.#log.warn({ node_id: nodeId, model, reason }, "node ejected");
  }
}

/** At most half of the ready endpoints of a model are out at the same time. */
function mayEject(endpoint: ModelEndpoint, all: readonly ModelEndpoint[]): boolean {
  const ready = all.filter((each) => each === endpoint || each.isReady);
  const out = ready.filter(({ health }) => health.ejection.isOut).length;
  return 2 * (out + 1) <= ready.length;
}
