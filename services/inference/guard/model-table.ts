import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { listCapabilities, needsOf, offersOf, unsupported } from "../../../core/generation/capabilities.ts";
import { canResume } from "../../../core/generation/resume.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Engine } from "../engine.ts";
import type { Admission } from "./guarded-answer.ts";
import { Slots } from "./slots.ts";

/** The result of asking the engines what they serve. */
export interface Refreshed {
  /** Whether anything differs from last time. */
  readonly changed: boolean;
  /** Why engines failed to list their models, which are not served until they do. */
  readonly failures: readonly MeshError[];
}

interface Entry {
  readonly served: ServedModel;
  readonly engine: Engine;
  readonly slots: Slots;
}

/**
 * Which engine serves which model, with what slots: admits generations and reports the node's load. When two engines
 * serve a model of the same name, the first engine has it.
 */
export class ModelTable implements LoadSource {
  readonly #engines: readonly Engine[];
  readonly #clock: Clock;
  readonly #queueLimit: number;
  readonly #listeners = new Set<() => void>();
  #entries = new Map<string, Entry>();
  #refreshing: Promise<Refreshed> | undefined;
  #draining = false;

  constructor(engines: readonly Engine[], clock: Clock, queueLimit: number) {
    this.#engines = engines;
    this.#clock = clock;
    this.#queueLimit = queueLimit;
  }

  /** In the engines' order. */
  get models(): ServedModel[] {
    return Array.from(this.#entries.values(), ({ served }) => served);
  }

  drain(): void {
    this.#draining = true;
    this.#notify();
  }

  /** Asks the engines what they serve now. Concurrent callers share one answer. */
  refresh(signal: AbortSignal): Promise<Refreshed> {
    this.#refreshing ??= this.#ask(signal).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Where a generation runs. Throws why it cannot. */
  admit(generation: Generation): Admission {
    if (this.#draining) throw new MeshError("no_nodes", shuttingDown, { retryAfterMs: 1000 });
    const entry = this.#entries.get(generation.model);
    if (entry === undefined)
      throw new MeshError("model_not_found", `This node does not serve \`${generation.model}\`.`, {
        param: "model",
      });
    refuseUnable(generation, entry.served);
    return { engine: entry.engine, slots: entry.slots, fingerprint: entry.served.fingerprint };
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

  async #ask(signal: AbortSignal): Promise<Refreshed> {
    const answers = await Promise.allSettled(this.#engines.map(async (engine) => engine.models(signal)));
    signal.throwIfAborted();
    const entries = new Map<string, Entry>();
    const failures: MeshError[] = [];
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "rejected") failures.push(toFailure(answer.reason));
      else
        for (const served of answer.value) {
          const known = entries.get(served.model);
          if (known === undefined) entries.set(served.model, this.#toEntry(served, this.#engines[index]!));
        }
    }
    const changed = !isSame(this.#entries, entries);
    this.#entries = entries;
    if (changed) this.#notify();
    return { changed, failures };
  }

  /** A model keeps its slots and queue while the same engine serves it. */
  #toEntry(served: ServedModel, engine: Engine): Entry {
    const known = this.#entries.get(served.model);
    if (known?.engine !== engine) {
      const { model, slots } = served;
      const options = {
        model,
        slots,
        queueLimit: this.#queueLimit,
        clock: this.#clock,
        onChange: this.#notify,
      };
      return { served, engine, slots: new Slots(options) };
    }
    known.slots.resize(served.slots);
    return { served, engine, slots: known.slots };
  }

  readonly #notify = (): void => {
    for (const listener of this.#listeners) listener();
  };
}

/**
 * Throws `invalid_request`, naming missing capabilities, or `engine_failed`, which fails over to another node, when
 * the answer cannot be continued here.
 */
function refuseUnable(generation: Generation, served: ServedModel): void {
  const missing = needsOf(generation) & ~offersOf(served.capabilities);
  if (missing !== 0) throw unsupported(`On this node \`${served.model}\` cannot`, listCapabilities(missing));
  if (!canResume(served, generation))
    throw new MeshError(
      "engine_failed",
      `This node cannot continue an answer of \`${served.model}\` that another node has started.`,
    );
}

function isSame(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): boolean {
  const toText = (entries: ReadonlyMap<string, Entry>) =>
    JSON.stringify(Array.from(entries.values(), ({ served }) => served));
  return toText(before) === toText(after);
}

const toFailure = (thrown: unknown): MeshError => {
  const error = toMeshError(thrown);
  return error.kind === "internal"
    ? new MeshError("engine_failed", "An engine could not say which models it serves.", { cause: thrown })
    : error;
};
