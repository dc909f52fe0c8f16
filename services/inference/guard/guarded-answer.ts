import { type Clock, longestTimerMs, type Timer } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { AnswerCheck } from "../../../core/generation/answer-check.ts";
import { heartbeatEvent, startedEvent } from "../../../core/generation/events.ts";
import { heartbeatMs } from "../../../core/relay/contract.ts";
import type {
  FinishReason,
  Generation,
  GenerationEvent,
  Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../engine.ts";
import type { Slots, SlotTicket } from "./slots.ts";

export interface Admission {
  readonly engine: Engine;
  readonly slots: Slots;
  readonly fingerprint: string;
}

/** The outcome of one answer, without its contents. */
export interface AnswerRecord {
  readonly generation: Generation;
  readonly outcome: FinishReason | MeshError;
  /** As in `finished`; undefined after a failure. */
  readonly usage: Usage | undefined;
  /** Tokens sent with ids. */
  readonly givenTokens: number;
  /** Milliseconds from the first read to a slot; undefined when it never had one. */
  readonly queuedMs: number | undefined;
  /** Milliseconds from the first read to the first delta that shows something. */
  readonly firstTokenMs: number | undefined;
  /** Milliseconds from the first read to the end. */
  readonly durationMs: number;
}

/** What answers of one node share. */
export interface AnswerHost {
  readonly nodeId: string;
  readonly clock: Clock;
  /** Throws why a generation cannot run here. */
  readonly admit: (generation: Generation) => Admission;
  readonly onStart: (answer: GuardedAnswer) => void;
  /** Called once, when everything is released. */
  readonly onEnd: (answer: GuardedAnswer, record: AnswerRecord) => void;
}

/**
 * One answer, from admission to its end, read like any event stream:
 *     unread ──read──▶ waiting ──slot free──▶ running ──finished──▶ ended
 *                         └───────abort, deadline, leaving, fault──────▲
 * Nothing is held before the first read. `started` comes at admission; until a slot is free, empty deltas
 * every `heartbeatMs` are signs of life. The engine's own `started` is checked and goes no further. Any end
 * frees the slot in the same turn. One iterator, because each layer costs half a microsecond per token.
 */
export class GuardedAnswer implements AsyncIterableIterator<GenerationEvent, undefined> {
  readonly #host: AnswerHost;
  readonly generation: Generation;
  readonly #signal: AbortSignal;
  readonly #check: AnswerCheck;
  readonly #engineScope = new AbortController();
  #stage: "unread" | "waiting" | "running" | "ended" = "unread";
  /** Settles the read that waits. */
  #reader: Omit<PromiseWithResolvers<IteratorResult<GenerationEvent, undefined>>, "promise"> | undefined;
  #failure: MeshError | undefined;
  #admission: Admission | undefined;
  #ticket: SlotTicket | undefined;
  #heartbeat: Timer | undefined;
  #deadline: Timer | undefined;
  #events: AsyncIterator<GenerationEvent> | undefined;
  #startedAt = 0;
  #queuedMs: number | undefined;
  #firstTokenMs: number | undefined;

  constructor(host: AnswerHost, generation: Generation, signal: AbortSignal) {
    this.#host = host;
    this.generation = generation;
    this.#signal = signal;
    this.#check = new AnswerCheck(generation, `The engine of \`${generation.model}\``, { cutsUsage: false });
  }

  get tokensSoFar(): number {
    return this.#check.tokensSoFar;
  }

  next(): Promise<IteratorResult<GenerationEvent, undefined>> {
    if (this.#stage === "unread") return this.#start();
    if (this.#stage === "ended") {
      if (this.#failure === undefined) return Promise.resolve({ value: undefined, done: true });
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#stage === "running") this.#pull();
    });
  }

  return(): Promise<IteratorResult<GenerationEvent, undefined>> {
    if (this.#stage === "unread") this.#stage = "ended";
    this.#failure = undefined;
    this.#end(new MeshError("cancelled", "The reader of the answer left."));
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Fails the answer, unless it has ended. */
  fail(error: MeshError): void {
    if (this.#stage === "ended") return;
    if (this.#reader === undefined) this.#failure = error;
    else this.#reader.reject(error);
    this.#reader = undefined;
    this.#end(error);
  }

  #start(): Promise<IteratorResult<GenerationEvent, undefined>> {
    const { nodeId, clock, admit, onStart } = this.#host;
    const generation = this.generation;
    this.#stage = "waiting";
    this.#startedAt = clock.now();
    onStart(this);
    try {
      if (this.#signal.aborted) throw abortError(this.#signal.reason);
      this.#admission = admit(generation);
      this.#ticket = this.#admission.slots.take(this.#onRunning, generation.resume?.beingRead);
    } catch (error) {
      this.fail(toMeshError(error));
      return this.next();
    }
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
    const timeoutMs = generation.limits?.timeoutMs;
    if (timeoutMs !== undefined)
      this.#deadline = clock.after(Math.min(timeoutMs, longestTimerMs), this.#onDeadline);
    if (this.#ticket.running) this.#run();
    else this.#heartbeat = clock.every(heartbeatMs, this.#onHeartbeat);
    return Promise.resolve({ value: startedEvent(nodeId, this.#admission.fingerprint), done: false });
  }

  #open(): AsyncIterator<GenerationEvent> {
    const { engine } = this.#admission!;
    return engine.generate(this.generation, this.#engineScope.signal)[Symbol.asyncIterator]();
  }

  #run(): void {
    this.#stage = "running";
    this.#heartbeat?.cancel();
    this.#queuedMs = this.#host.clock.now() - this.#startedAt;
  }

  #pull(): void {
    try {
      this.#events ??= this.#open();
      this.#events.next().then(this.#onResult, this.#onEngineError);
    } catch (error) {
      this.#onEngineError(error);
    }
  }

  readonly #onRunning = (): void => {
    this.#run();
    if (this.#reader !== undefined) this.#pull();
  };

  readonly #onResult = (result: IteratorResult<GenerationEvent, unknown>): void => {
    if (this.#stage === "ended") return;
    try {
      if (result.done) this.fail(this.#check.incomplete());
      else this.#deliver(this.#check.accept(result.value));
    } catch (error) {
      this.#onEngineError(error);
    }
  };

  #deliver(event: GenerationEvent): void {
    if (event.event.case === "started") {
      this.#pull();
      return;
    }
    if (this.#firstTokenMs === undefined && this.#check.shown)
      this.#firstTokenMs = this.#host.clock.now() - this.#startedAt;
    const reader = this.#reader;
    this.#reader = undefined;
    if (event.event.case === "finished") this.#end(event.event.value.reason, event.event.value.usage);
    reader?.resolve({ value: event, done: false });
  }

  readonly #onEngineError = (error: unknown): void => {
    this.fail(toEngineFailure(error, this.generation.model));
  };

  readonly #onHeartbeat = (): void => {
    this.#reader?.resolve({ value: heartbeatEvent(), done: false });
    this.#reader = undefined;
  };

  readonly #onDeadline = (): void => {
    this.fail(
      new MeshError("deadline", "The answer was not complete within the time that the caller allows."),
    );
  };

  readonly #onAbort = (): void => this.fail(abortError(this.#signal.reason));

  #end(outcome: FinishReason | MeshError, usage?: Usage): void {
    if (this.#stage === "ended") return;
    this.#stage = "ended";
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#deadline?.cancel();
    this.#heartbeat?.cancel();
    this.#stopEngine(outcome);
    this.#ticket?.release();
    this.#host.onEnd(this, {
      generation: this.generation,
      outcome,
      usage,
      givenTokens: this.#check.givenTokens,
      queuedMs: this.#queuedMs,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.#host.clock.now() - this.#startedAt,
    });
  }

  /** Does not wait for the engine; what it still throws is ignored. */
  #stopEngine(outcome: FinishReason | MeshError): void {
    if (this.#events === undefined) return;
    if (outcome instanceof MeshError) this.#engineScope.abort(outcome);
    try {
      this.#events.return?.().then(undefined, () => {});
    } catch {
      // An iterator that throws instead of rejecting.
    }
  }
}

/** The reason when it is a mesh error, otherwise that the caller left. */
function abortError(reason: unknown): MeshError {
  const error = toMeshError(reason);
  return error.kind === "internal"
    ? new MeshError("cancelled", "The request was cancelled.", { cause: reason })
    : error;
}

/** Engines may throw these kinds only. */
function toEngineFailure(thrown: unknown, model: string): MeshError {
  if (thrown instanceof MeshError && engineKinds.has(thrown.kind)) return thrown;
  return new MeshError("engine_failed", `The engine of \`${model}\` failed.`, { cause: thrown });
}

const engineKinds = new Set<MeshError["kind"]>(["invalid_request", "saturated", "engine_failed"]);
