import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type LinkedController, linkSignal } from "../../../core/streams/link-signal.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { logFindings, reduce } from "./findings.ts";
import { isDecided, probeModel, undecidedProbes } from "./probe-model.ts";
import { type Findings, type ProbeName, Trial } from "./trial.ts";
import { watchAnswer } from "./watch-answer.ts";

export interface ProbeOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  /** Called after each round of probes on a model. */
  readonly onProbed?: ((served: ServedModel, findings: Findings) => void) | undefined;
}

/** How long a `models` call waits for probes of new models, in milliseconds. */
export const patienceMs = 10_000;

/** How long one round of probes on one model may take, in milliseconds; the next one continues it. */
const roundLimitMs = 300_000;

/** Waits before undecided probes are repeated, in milliseconds. */
const retry = { firstMs: 10_000, limitMs: 600_000 };

/**
 * An engine whose models claim only what they were seen to do. Each is probed when it is new or changed, and
 * when the engine was away; undecided claims are retried, ever less often. Probes never get in the way: one
 * question at a time, none while all slots are taken, and one in a needed slot is aborted. A model that is
 * not in memory (`Engine.isLoaded`) is trusted until it is, unless it is the only one.
 */
export const withProbes = (engine: Engine, options: ProbeOptions): Engine =>
  new ProbedEngine(engine, options);

interface Subject {
  served: ServedModel;
  findings: Findings;
  /** Whether a round has ended. */
  probed: boolean;
  /** Whether the engine was away since: everything is probed again while earlier findings stay valid. */
  stale: boolean;
  /** Clock time of the next round. */
  retryAt: number;
  readonly backoff: Backoff;
  /** How often the engine was away after each probe. */
  readonly strikes: Map<ProbeName, number>;
}

class ProbedEngine implements Engine {
  readonly #engine: Engine;
  readonly #options: ProbeOptions;
  readonly #subjects = new Map<string, Subject>();
  readonly #running = new Map<string, number>();
  readonly #lifetime = new AbortController();
  #round: { readonly subject: Subject; readonly scope: LinkedController } | undefined;
  #working: Promise<void> | undefined;

  constructor(engine: Engine, options: ProbeOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  async models(signal: AbortSignal): Promise<ServedModel[]> {
    const claimed = await this.#engine.models(signal).catch((error: unknown) => {
      for (const subject of this.#subjects.values()) subject.stale = true;
      throw error;
    });
    this.#follow(claimed);
    this.#working ??= this.#work();
    await this.#wait(signal);
    return claimed.flatMap((served) => this.#describe(served) ?? []);
  }

  isLoaded(model: string): boolean {
    return this.#engine.isLoaded?.(model) ?? true;
  }

  generate(generation: Generation, signal: AbortSignal): AsyncIterable<GenerationEvent> {
    const { model } = generation;
    const count = (change: number) => void this.#running.set(model, this.#runningOf(model) + change);
    const onStart = () => {
      count(1);
      if (this.#round?.subject.served.model === model && this.#isFull(this.#round.subject.served))
        this.#round.scope.abort(noSlot(model));
    };
    return watchAnswer(this.#engine.generate(generation, signal), onStart, () => count(-1));
  }

  async close(): Promise<void> {
    this.#lifetime.abort(new MeshError("cancelled", "The engine was closed."));
    await this.#working;
    await this.#engine.close();
  }

  /** New and changed models are to be probed; models that left are forgotten. */
  #follow(claimed: readonly ServedModel[]): void {
    const latest = new Map(claimed.map((served) => [served.model, served]));
    for (const [model, subject] of this.#subjects) {
      const served = latest.get(model);
      if (served !== undefined && toIdentity(served) === toIdentity(subject.served)) {
        subject.served = served;
        continue;
      }
      this.#subjects.delete(model);
      if (this.#round?.subject === subject)
        this.#round.scope.abort(new MeshError("cancelled", "The model has changed."));
    }
    for (const [model, served] of latest)
      if (!this.#subjects.has(model))
        this.#subjects.set(model, {
          served,
          findings: new Map(),
          probed: false,
          stale: false,
          retryAt: 0,
          strikes: new Map(),
          backoff: new Backoff({ ...retry, random: this.#options.random ?? Math.random }),
        });
  }

  async #work(): Promise<void> {
    // So that `#working` is set before this can end.
    await undefined;
    try {
      while (!this.#lifetime.signal.aborted) {
        const due = this.#subjects.values().find((subject) => this.#isDue(subject));
        if (due === undefined) return;
        await this.#probe(due);
      }
    } catch (error) {
      this.#options.log.error({ err: error }, "probing failed unexpectedly; retrying");
    } finally {
      this.#working = undefined;
    }
  }

  #isDue({ served, findings, probed, stale, retryAt }: Subject): boolean {
    if (!this.#mayLoad(served) || this.#options.clock.now() < retryAt) return false;
    return !probed || stale || undecidedProbes(served, findings).length > 0;
  }

  #mayLoad({ model }: ServedModel): boolean {
    return this.#subjects.size === 1 || this.isLoaded(model);
  }

  async #probe(subject: Subject): Promise<void> {
    const { clock, log, onProbed } = this.#options;
    const { served, stale } = subject;
    const scope = linkSignal(this.#lifetime.signal);
    const limit = clock.after(roundLimitMs, () => scope.abort(tooSlow(served.model)));
    this.#round = { subject, scope };
    const requireSlot = () => {
      if (this.#isFull(served)) throw noSlot(served.model);
    };
    const generate = this.#engine.generate.bind(this.#engine);
    const trial = new Trial({ served, generate, clock, signal: scope.signal, requireSlot });
    const startedAt = clock.now();
    const found = await probeModel(trial, stale ? new Map() : subject.findings, subject.strikes);
    this.#round = undefined;
    limit.cancel();
    scope.unlink();
    if (this.#lifetime.signal.aborted || this.#subjects.get(served.model) !== subject) return;
    const open = undecidedProbes(subject.served, found).length > 0;
    // Earlier findings stay valid until decided otherwise.
    const news = [...found].filter(([name, finding]) => isDecided(finding) || !subject.findings.has(name));
    subject.findings = new Map([...subject.findings, ...news]);
    subject.probed = true;
    subject.stale = stale && open;
    subject.retryAt = open ? clock.now() + subject.backoff.next() : 0;
    if (!open) subject.backoff.reset();
    logFindings(log, served, subject.findings, clock.now() - startedAt);
    onProbed?.(served, subject.findings);
  }

  /** Waits a limited time for new models to be probed. */
  async #wait(signal: AbortSignal): Promise<void> {
    const isNew = ({ probed, served }: Subject) => !probed && this.#mayLoad(served);
    if (!this.#subjects.values().some(isNew)) return;
    const patience = linkSignal(signal);
    try {
      await Promise.race([this.#working, sleep(this.#options.clock, patienceMs, patience.signal)]);
    } finally {
      patience.abort();
      patience.unlink();
    }
  }

  #describe(served: ServedModel): ServedModel | undefined {
    const subject = this.#subjects.get(served.model);
    if (subject === undefined) return undefined;
    return subject.probed || this.#mayLoad(served) ? reduce(served, subject.findings) : served;
  }

  #isFull({ model, slots }: ServedModel): boolean {
    return this.#runningOf(model) >= slots;
  }

  #runningOf(model: string): number {
    return this.#running.get(model) ?? 0;
  }
}

/** What findings hold for. */
const toIdentity = ({ engineName, fingerprint, contextLength, capabilities }: ServedModel): string =>
  JSON.stringify([engineName, fingerprint, contextLength, capabilities]);

const noSlot = (model: string): MeshError =>
  new MeshError("saturated", `all slots of \`${model}\` are taken by others`);

const tooSlow = (model: string): MeshError =>
  new MeshError(
    "saturated",
    `the probes of \`${model}\` took longer than ${roundLimitMs / 1000} s together, so the rest is tried later`,
  );
