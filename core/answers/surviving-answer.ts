import type {
  Continuation,
  Finished,
  GenerationEvent,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError, toMeshError } from "../errors/mesh-error.ts";
import { type PushEnd, type PushSource, pull, pushTo, type Sink } from "../streams/push.ts";
import { type Call, callerLeft, type StartAnswer, type StartedAnswer } from "./call.ts";
import type { ContinueAnswer } from "./continue-answer.ts";
import type { DeliveryLog } from "./delivery-log.ts";

type Result = IteratorResult<GenerationEvent, undefined>;

/** How to get an answer. */
export interface AnswerParts<C extends Call> {
  readonly start: StartAnswer<C>;
  /** Continues it at another source when its source fails after the answer has begun. */
  readonly continueOn: ContinueAnswer<C>;
  readonly deliveries: DeliveryLog;
  /** Whether the sources continue answers too, and are believed when they report it: routers do and are, nodes not. */
  readonly sourcesContinue: boolean;
}

/**
 * Reads a generation as a stream of events, remembers what has been delivered, and ends the call. When its source, a
 * node or a router, is lost, it continues with the answer of another one, and the reader sees one stream:
 *
 *     fresh ──▶ head of the first source ──▶ rest ──finished──▶ ended
 *                                    ▲         │
 *       `continued`, head of the next ┘◀─failed─┘
 *
 * Each delta passes this code: hand-written, because an async generator costs 0.5 µs per token.
 */
export class SurvivingAnswer<C extends Call>
  implements AsyncIterable<GenerationEvent>, PushSource<GenerationEvent>, Sink<GenerationEvent>
{
  #sink: Sink<GenerationEvent> | undefined;
  readonly #deliveries: DeliveryLog;
  #deliveryId = 0;
  readonly #call: C;
  readonly #outer: AbortSignal;
  readonly #parts: AnswerParts<C>;
  #opened = false;
  #head: GenerationEvent[] = [];
  #position = 0;
  #answer: StartedAnswer | undefined;
  /** Fingerprint of the engine; empty once a different one has continued the answer. */
  #fingerprint = "";
  #embeddings = 0;
  /** Continuations that the present source has reported so far. */
  #reported = 0;

  /** Starts when it is first read, so that an answer without a reader holds nothing. */
  constructor(call: C, outer: AbortSignal, parts: AnswerParts<C>) {
    this.#call = call;
    this.#outer = outer;
    this.#parts = parts;
    this.#deliveries = parts.deliveries;
  }

  next(): Promise<Result> {
    return pull(this);
  }

  async pushTo(sink: Sink<GenerationEvent>): Promise<PushEnd> {
    if (!this.#opened) await this.#open();
    this.#sink = sink;
    for (;;) {
      while (this.#position < this.#head.length) if (!sink.take(this.#takeHead())) return "stopped";
      if (this.#answer === undefined) return "ended";
      try {
        const pushed = await pushTo(this.#answer.rest, this);
        if (pushed === "ended") this.#checkEnd();
        return pushed;
      } catch (error) {
        await this.#continue(error);
      }
    }
  }

  /** As the sink of its source's answer: passes on an event after the head. */
  take(event: GenerationEvent): boolean {
    if (this.#deliveries.add(this.#deliveryId, event)) return this.#sink!.take(event);
    const passed = this.#check(event);
    return passed === undefined || this.#sink!.take(passed);
  }

  async return(): Promise<Result> {
    this.#call.abort(callerLeft());
    this.#position = 0;
    this.#head = [];
    await this.#answer?.rest.return?.();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #takeHead(): GenerationEvent {
    const event = this.#head[this.#position++]!;
    this.#deliveries.add(this.#deliveryId, event);
    return event;
  }

  async #open(): Promise<void> {
    this.#opened = true;
    const call = this.#call;
    const leave = () => call.abort(toLeaveReason(this.#outer.reason));
    if (this.#outer.aborted) leave();
    else {
      this.#outer.addEventListener("abort", leave, { once: true });
      call.onEnd(() => this.#outer.removeEventListener("abort", leave));
    }
    try {
      call.signal.throwIfAborted();
      this.#deliveryId = this.#deliveries.open();
      call.onEnd(() => this.#deliveries.close(this.#deliveryId));
      await this.#adopt(await this.#parts.start(call));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Continues at another source, or ends with the failure. */
  async #continue(thrown: unknown): Promise<void> {
    const failure = toMeshError(thrown);
    try {
      this.#answer?.leave?.({ error: failure });
      const delivered = this.#deliveries.read(this.#deliveryId);
      const { asked } = this.#call;
      const partial = { asked, delivered, fingerprint: this.#fingerprint };
      await this.#adopt(await this.#parts.continueOn(this.#call, partial, failure));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Takes up the answer of a source; the reader sees only the first one's `started`. */
  async #adopt(answer: StartedAnswer): Promise<void> {
    const [first, ...others] = answer.head as [GenerationEvent, ...GenerationEvent[]];
    if (this.#answer !== undefined) this.#head = this.#toContinued();
    else {
      this.#fingerprint = first.event.case === "started" ? first.event.value.fingerprint : "";
      this.#head = [first];
    }
    this.#answer = answer;
    this.#reported = 0;
    for (const event of others) {
      const passed = event.event.case === "delta" ? event : this.#check(event);
      if (passed !== undefined) this.#head.push(passed);
    }
    this.#position = 0;
    const { ending } = this.#call;
    if (ending?.error === undefined) return;
    await answer.rest.return?.();
    throw ending.error;
  }

  /** Ends the call with an error, and returns the error that ended it first, such as a deadline. */
  #fail(thrown: unknown): MeshError {
    this.#call.end({ error: toMeshError(thrown) });
    return this.#call.ending?.error ?? toMeshError(thrown);
  }

  /** An event other than a delta as the reader gets it; undefined when it is left out. */
  #check(seen: GenerationEvent): GenerationEvent | undefined {
    const { event } = seen;
    switch (event.case) {
      case "finished": {
        const value = this.#finish(event.value);
        this.#call.end({ finished: value });
        return value === event.value ? seen : { ...seen, event: { case: "finished", value } };
      }
      case "embedded":
        // A source that continues embeddings starts at the first.
        if (event.value.index < this.#embeddings) return undefined;
        this.#embeddings = event.value.index + 1;
        return seen;
      case "continued":
        if (!this.#parts.sourcesContinue) break;
        return toEvent(this.#note(event.value));
      case "started":
        break;
      default:
        return seen;
    }
    void this.#answer?.rest.return?.();
    throw new MeshError("engine_failed", `The answer had a \`${event.case}\` in the wrong place.`);
  }

  #finish(finished: Finished): Finished {
    const { continuations } = this.#call;
    // A router of an earlier version reports its continuations only here.
    if (this.#parts.sourcesContinue)
      for (const reported of finished.continuations.slice(this.#reported)) this.#note(reported);
    const amended = this.#call.amend(finished);
    return continuations.length === 0 && amended.continuations.length === 0
      ? amended
      : { ...amended, continuations };
  }

  /** Takes a continuation that the source reports, which counts tokens from where it began itself. */
  #note(reported: Continuation): Continuation {
    const { asked, deliveredTokens, continuations } = this.#call;
    const before = deliveredTokens - (asked.resume?.tokenIds.length ?? 0);
    const continuation = { ...reported, afterTokens: before + reported.afterTokens };
    continuations.push(continuation);
    this.#reported += 1;
    if (!continuation.exact) this.#fingerprint = "";
    return continuation;
  }

  /** The takeover that has just happened, for the reader. */
  #toContinued(): GenerationEvent[] {
    const continuation = this.#call.continuations.at(-1)!;
    if (!continuation.exact) this.#fingerprint = "";
    return [toEvent(continuation)];
  }

  #checkEnd(): void {
    if (this.#call.ending?.finished !== undefined) return;
    throw new MeshError("engine_failed", "The answer ended without a `finished`.");
  }
}

const toEvent = (value: Continuation): GenerationEvent => ({
  $typeName: "cxmpute.generation.v1.GenerationEvent",
  event: { case: "continued", value },
});

/** Why the caller's signal aborted: a library's own reason there is no bug of ours. */
function toLeaveReason(reason: unknown): MeshError {
  const error = toMeshError(reason);
  return error.kind === "internal" ? callerLeft(reason) : error;
}
