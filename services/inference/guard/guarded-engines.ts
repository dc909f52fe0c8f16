import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { listCapabilities, needsOf, offersOf, unsupported } from "../../../core/generation/capabilities.ts";
import { canResume } from "../../../core/generation/resume.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { type FieldFault, faultOfServedModel, modelLimit } from "../../../core/served-model.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Engine } from "../engine.ts";
import { type Admission, type AnswerHost, type AnswerRecord, GuardedAnswer } from "./guarded-answer.ts";
import { Slots } from "./slots.ts";

interface GuardOptions {
  readonly nodeId: string;
  /** In order of preference: the first that serves a model has it. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  /** Generations that may wait for a slot of one model. */
  readonly queueLimit?: number | undefined;
  /** Called when a generation that was read has ended. */
  readonly onEnd?: (record: AnswerRecord) => void;
}

const defaultQueueLimit = 128;

/** Counts since the node was created. */
export interface Counters {
  readonly answers: number;
  /** Generations that failed by a fault of the node. */
  readonly failures: number;
  /** Tokens of all answers, including those under way. */
  readonly tokens: number;
}

interface Refreshed {
  readonly changed: boolean;
  /** Why engines failed to list their models, which are not served until they do. */
  readonly failures: readonly MeshError[];
  /** Why models are not offered that the registry would refuse, in sentences, as far as that is news. */
  readonly leftOut: readonly string[];
}

interface Entry {
  readonly served: ServedModel;
  readonly engine: Engine;
  readonly slots: Slots;
}

/** Engines behind one `generate` that keeps the promises of `core/generate.ts`, however naive they are. */
export class GuardedEngines implements LoadSource {
  readonly #options: GuardOptions;
  readonly #host: AnswerHost;
  readonly #open = new Set<GuardedAnswer>();
  readonly #ended = { answers: 0, failures: 0, tokens: 0 };
  readonly #idle = Promise.withResolvers<void>();
  readonly #listeners = new Set<() => void>();
  #entries: ReadonlyMap<string, Entry> = new Map();
  #leftOut: ReadonlySet<string> = new Set();
  #refreshing: Promise<Refreshed> | undefined;
  #draining = false;

  constructor(options: GuardOptions) {
    const { nodeId, clock } = options;
    this.#options = options;
    this.#host = {
      nodeId,
      clock,
      admit: (generation) => this.#admit(generation),
      onStart: (answer) => this.#onStart(answer),
      onEnd: (answer, record) => this.#onEnd(answer, record),
    };
  }

  readonly generate: Generate = (generation, signal) => new GuardedAnswer(this.#host, generation, signal);

  /** As last reported by the engines, in their order. */
  get models(): ServedModel[] {
    return Array.from(this.#entries.values(), ({ served }) => served);
  }

  /** Generations running or waiting. */
  get open(): number {
    return this.#open.size;
  }

  get counters(): Counters {
    let { tokens } = this.#ended;
    for (const answer of this.#open) tokens += answer.tokensSoFar;
    return { ...this.#ended, tokens };
  }

  current(): Load {
    return {
      $typeName: "cxmpute.relay.v1.Load",
      draining: this.#draining,
      models: Array.from(this.#entries.values(), ({ served: { model }, slots }) => ({
        $typeName: "cxmpute.relay.v1.ModelLoad",
        model,
        slots: slots.slots,
        running: slots.running,
        waiting: slots.waiting,
      })),
    };
  }

  subscribe(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Asks the engines what they serve now. Concurrent callers share one answer. */
  refresh(signal: AbortSignal): Promise<Refreshed> {
    this.#refreshing ??= this.#refresh(signal).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Admits nothing from now on; resolves when nothing is open any more. */
  drain(): Promise<void> {
    this.#draining = true;
    this.#notify();
    if (this.#open.size === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  /** Admits nothing from now on, and fails what is open with `reason`. */
  abort(reason: MeshError): void {
    void this.drain();
    for (const answer of [...this.#open]) answer.fail(reason);
  }

  /** The same, then closes the engines. */
  async close(reason: MeshError): Promise<void> {
    this.abort(reason);
    await Promise.all(this.#options.engines.map((engine) => engine.close()));
  }

  /** Where a generation runs. Throws why it cannot. */
  #admit(generation: Generation): Admission {
    if (this.#draining) throw new MeshError("no_nodes", shuttingDown, { retryAfterMs: 1000 });
    const { model } = generation;
    const entry = this.#entries.get(model);
    if (entry === undefined)
      throw new MeshError("model_not_found", `This node does not serve \`${model}\`.`, { param: "model" });
    const { served, engine, slots } = entry;
    const missing = needsOf(generation) & ~offersOf(served.capabilities);
    if (missing !== 0) throw unsupported(`On this node \`${model}\` cannot`, listCapabilities(missing));
    // Fails over to another node.
    if (!canResume(served, generation))
      throw new MeshError(
        "engine_failed",
        `This node cannot continue an answer of \`${model}\` that another node has started.`,
      );
    return { engine, slots, fingerprint: served.fingerprint };
  }

  /**
   * An answer that is being read and comes again has lost its router. The earlier attempt, whose router may be frozen,
   * would keep its slot until the connection breaks.
   */
  #onStart(answer: GuardedAnswer): void {
    const { id, resume } = answer.generation;
    if (resume?.beingRead === true)
      for (const earlier of [...this.#open])
        if (earlier.generation.id === id)
          earlier.fail(new MeshError("cancelled", "Another router continues this answer."));
    this.#open.add(answer);
  }

  #onEnd(answer: GuardedAnswer, record: AnswerRecord): void {
    const { outcome } = record;
    this.#open.delete(answer);
    this.#ended.tokens += tokensOf(answer, record);
    if (!(outcome instanceof MeshError)) this.#ended.answers++;
    else if (outcome.row.http >= 500) this.#ended.failures++;
    this.#options.onEnd?.(record);
    if (this.#draining && this.#open.size === 0) this.#idle.resolve();
  }

  async #refresh(signal: AbortSignal): Promise<Refreshed> {
    const { engines } = this.#options;
    const answers = await Promise.allSettled(engines.map(async (engine) => engine.models(signal)));
    signal.throwIfAborted();
    const entries = new Map<string, Entry>();
    const failures: MeshError[] = [];
    const leftOut = new Set<string>();
    let tooMany = 0;
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "rejected") failures.push(toFailure(answer.reason));
      else
        for (const served of answer.value) {
          if (entries.has(served.model)) continue;
          const fault = faultOfServedModel(served);
          if (fault !== undefined) leftOut.add(describeFault(served, fault));
          else if (entries.size >= modelLimit) tooMany++;
          else entries.set(served.model, this.#toEntry(served, engines[index]!));
        }
    }
    if (tooMany > 0) leftOut.add(describeTooMany(tooMany));
    const news = [...leftOut].filter((why) => !this.#leftOut.has(why));
    this.#leftOut = leftOut;
    const before = JSON.stringify(this.models);
    this.#entries = entries;
    const changed = JSON.stringify(this.models) !== before;
    if (changed) this.#notify();
    return { changed, failures, leftOut: news };
  }

  /** A model keeps its slots and queue while the same engine serves it. */
  #toEntry(served: ServedModel, engine: Engine): Entry {
    const known = this.#entries.get(served.model);
    if (known?.engine === engine) {
      known.slots.resize(served.slots);
      return { ...known, served };
    }
    const { model, slots } = served;
    const { clock, queueLimit = defaultQueueLimit } = this.#options;
    return { served, engine, slots: new Slots({ model, slots, queueLimit, clock, onChange: this.#notify }) };
  }

  readonly #notify = (): void => {
    for (const listener of this.#listeners) listener();
  };
}

/** Why a model is left out: the registry would refuse the whole node for it. */
function describeFault(served: ServedModel, { field, what, cure }: FieldFault): string {
  const name = JSON.stringify(served.engineName || served.model).slice(1, -1);
  const shown = name.length > shownNameLength ? `${name.slice(0, shownNameLength)}…` : name;
  return field === "model"
    ? `\`${shown}\` is not offered to the mesh: ${what} of its name: ${cure}, or choose another name with --as ENGINE-NAME=NAME.`
    : `\`${shown}\` is not offered to the mesh: ${what} at '${field}' in what its server reports: ${cure}.`;
}

/** The most characters of an invalid name that are shown. */
const shownNameLength = 80;

const describeTooMany = (count: number): string =>
  `${count} more models are not offered to the mesh: a node offers at most ${modelLimit}. Choose them with --only NAME.`;

/** Tokens from this node; without ids the engine's own count is better than ours. */
function tokensOf(answer: GuardedAnswer, { givenTokens, usage, generation }: AnswerRecord): number {
  if (givenTokens > 0 || usage === undefined || usage.completionTokens === 0) return answer.tokensSoFar;
  return Math.max(0, usage.completionTokens - (generation.resume?.tokenIds.length ?? 0));
}

function toFailure(thrown: unknown): MeshError {
  const error = toMeshError(thrown);
  if (error.kind !== "internal") return error;
  const message = "An engine could not say which models it serves.";
  return new MeshError("engine_failed", message, { cause: thrown });
}
