import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  finishedEvent,
  heartbeatEvent,
  reasoningEvent,
  startedEvent,
  textEvent,
} from "../../../../core/generation/events.ts";
import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { TimedFault } from "./faults.ts";
import type { Paced, Pacer } from "./pacer.ts";
import type { Plan } from "./plan.ts";

export interface SyntheticAnswerOptions {
  readonly plan: Plan;
  readonly promptTokens: number;
  /** Index of the first token to emit. */
  readonly firstIndex: number;
  /** Tokens that are part of the prompt instead of the plan; faults count them. */
  readonly tokensBefore: number;
  readonly fingerprint: string;
  readonly strike: TimedFault | undefined;
  /** Time of the first read, on the clock. */
  readonly now: number;
  /** Time of the first token, on the clock. */
  readonly firstTokenAt: number;
  /** Between tokens, in milliseconds; 0 for no pacing. */
  readonly periodMs: number;
  readonly pacer: Pacer;
  readonly signal: AbortSignal;
  readonly die: () => void;
}

/** Maximum time between events. */
const signMs = 400;
/** Tokens per turn of the event loop without pacing. */
const burstTokens = 256;

/** One answer. Tokens fall due by the clock, read or not. A hand-written iterator: load tests' hot path. */
export class SyntheticAnswer implements AsyncIterableIterator<GenerationEvent, undefined>, Paced {
  readonly #options: SyntheticAnswerOptions;
  #stage: "unread" | "open" | "hung" | "ended" = "unread";
  #index: number;
  /** Tokens before this index are due. */
  #dueIndex: number;
  #nextDueAt: number;
  #signDue = false;
  /** Settles the read that waits. */
  #reader: Omit<PromiseWithResolvers<IteratorResult<GenerationEvent, undefined>>, "promise"> | undefined;
  dueAt = 0;

  constructor(options: SyntheticAnswerOptions) {
    this.#options = options;
    this.#index = options.firstIndex;
    this.#dueIndex = options.firstIndex;
    this.#nextDueAt = options.firstTokenAt;
  }

  next(): Promise<IteratorResult<GenerationEvent, undefined>> {
    try {
      const result = this.#stage === "unread" ? this.#begin() : this.#take();
      if (result !== undefined) return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<GenerationEvent, undefined>> {
    this.#end();
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  onDue(now: number): void {
    if (this.#stage !== "open") return;
    this.#fallDue(now);
    this.#signDue = this.#dueIndex === this.#index;
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      const result = this.#take();
      if (result === undefined) return;
      this.#reader = undefined;
      reader.resolve(result);
    } catch (error) {
      reader.reject(error);
    }
  }

  #begin(): IteratorResult<GenerationEvent, undefined> {
    const { signal, fingerprint, now } = this.#options;
    signal.throwIfAborted();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#stage = "open";
    this.#fallDue(now);
    return { value: startedEvent("", fingerprint), done: false };
  }

  #fallDue(now: number): void {
    const { plan, strike, tokensBefore, periodMs, pacer } = this.#options;
    const stallsAt = strike?.kind === "stall" ? strike.afterTokens - tokensBefore : Number.POSITIVE_INFINITY;
    const end = Math.min(plan.tokens, stallsAt);
    while (this.#nextDueAt <= now && this.#dueIndex < end) {
      this.#dueIndex = Math.min(end, this.#dueIndex + (periodMs === 0 ? burstTokens : 1));
      this.#nextDueAt = periodMs === 0 ? now + 1 : this.#nextDueAt + periodMs;
    }
    if (this.#dueIndex < end) pacer.schedule(this, Math.min(this.#nextDueAt, now + signMs));
    else if (end === stallsAt) pacer.schedule(this, now + signMs);
  }

  #take(): IteratorResult<GenerationEvent, undefined> | undefined {
    if (this.#stage === "ended") return done;
    const { plan, strike, tokensBefore } = this.#options;
    if (strike?.afterTokens === tokensBefore + this.#index) {
      if (strike.kind !== "stall") return this.#strike(strike);
    } else if (this.#index >= plan.tokens) return this.#finish();
    if (this.#index < this.#dueIndex) {
      const index = this.#index++;
      const toEvent = index < plan.thoughtTokens ? reasoningEvent : textEvent;
      return { value: toEvent(plan.textOf(index), [plan.idOf(index)]), done: false };
    }
    if (!this.#signDue) return undefined;
    this.#signDue = false;
    return { value: heartbeatEvent(), done: false };
  }

  #finish(): IteratorResult<GenerationEvent, undefined> {
    const { plan, promptTokens } = this.#options;
    this.#end();
    const usage = {
      promptTokens,
      completionTokens: plan.tokens,
      cachedTokens: 0,
      reasoningTokens: plan.thoughtTokens,
    };
    return { value: finishedEvent(plan.reason, usage, plan.stop), done: false };
  }

  #strike({ kind, afterTokens }: TimedFault): undefined {
    if (kind === "fail") {
      this.#end();
      throw new MeshError("engine_failed", `Told to fail after ${afterTokens} tokens.`);
    }
    this.#stage = "hung";
    if (kind === "die") this.#options.die();
  }

  readonly #onAbort = (): void => {
    this.#reader?.reject(this.#options.signal.reason);
    this.#end();
  };

  #end(): void {
    this.#stage = "ended";
    this.#reader = undefined;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
  }
}

const done = { value: undefined, done: true } as const;
