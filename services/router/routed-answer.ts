import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import type { DeliveryLog } from "../../core/relay/delivery-log.ts";
import { pull } from "../../core/streams/pull.ts";
import { type PushEnd, type PushSource, pushTo, type Sink } from "../../core/streams/push.ts";
import type { GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Begin, type Begun, type Call, callerLeft } from "./call.ts";
import type { ContinueAnswer } from "./continue-answer.ts";

type Result = IteratorResult<GenerationEvent, undefined>;

/** What an answer is made with. */
export interface AnswerParts {
  /** Brings it to its first token. */
  readonly begin: Begin;
  /** Continues it on another node when its node fails afterwards. */
  readonly continueOn: ContinueAnswer;
  /** Where what has been delivered is kept in mind. */
  readonly deliveries: DeliveryLog;
}

/**
 * Reads a generation as a stream of events, keeps in mind what has been delivered, and tells the call how it ended.
 * When its node is lost it continues with another's answer, and the reader sees one stream:
 *
 *     fresh ──▶ head of the first node ──▶ rest ──finished──▶ ended
 *                                  ▲         │
 *              head of the next ───┘◀─failed─┘
 *
 * The one hook on the way of every delta: hand-written, because each async generator would cost 0.5 µs per token.
 */
export class RoutedAnswer
  implements AsyncIterable<GenerationEvent>, PushSource<GenerationEvent>, Sink<GenerationEvent>
{
  /** Where events go while they are pushed. */
  #sink: Sink<GenerationEvent> | undefined;
  readonly #deliveries: DeliveryLog;
  /** Its number there. */
  #number = 0;
  readonly #call: Call;
  readonly #outer: AbortSignal;
  readonly #parts: AnswerParts;
  #opened = false;
  #head: readonly GenerationEvent[] = [];
  #position = 0;
  #begun: Begun | undefined;
  /** Of the engine that gives the answer; empty once another goes on from its text. */
  #fingerprint = "";
  /** Embeddings that have been delivered. */
  #embeddings = 0;

  /** Begins with the first `next`, so that an answer that nobody reads holds nothing. */
  constructor(call: Call, outer: AbortSignal, parts: AnswerParts) {
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
      if (this.#begun === undefined) return "ended";
      try {
        const pushed = await pushTo(this.#begun.rest, this);
        if (pushed === "ended") this.#checkEnd();
        return pushed;
      } catch (error) {
        await this.#continue(error);
      }
    }
  }

  /** As the sink of its own source: passes on an event after the head. */
  take(event: GenerationEvent): boolean {
    if (this.#deliveries.add(this.#number, event)) return this.#sink!.take(event);
    const passed = this.#check(event);
    return passed === undefined || this.#sink!.take(passed);
  }

  /** The reader leaves. */
  async return(): Promise<Result> {
    this.#call.abort(callerLeft());
    this.#position = 0;
    this.#head = [];
    await this.#begun?.rest.return?.();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #takeHead(): GenerationEvent {
    const event = this.#head[this.#position++]!;
    this.#deliveries.add(this.#number, event);
    return event;
  }

  async #open(): Promise<void> {
    this.#opened = true;
    const call = this.#call;
    const leave = () => call.abort(toLeaving(this.#outer.reason));
    if (this.#outer.aborted) leave();
    else {
      this.#outer.addEventListener("abort", leave, { once: true });
      call.onEnd(() => this.#outer.removeEventListener("abort", leave));
    }
    try {
      call.signal.throwIfAborted();
      this.#number = this.#deliveries.open();
      call.onEnd(() => this.#deliveries.close(this.#number));
      await this.#hold(await this.#parts.begin(call));
    } catch (error) {
      throw this.#settle(error);
    }
  }

  /** Continues with what another node gives, or ends with the failure. */
  async #continue(thrown: unknown): Promise<void> {
    const failure = toMeshError(thrown);
    try {
      this.#begun?.leave({ error: failure });
      const delivered = this.#deliveries.read(this.#number);
      const { asked } = this.#call;
      const partial = { asked, delivered, fingerprint: this.#fingerprint };
      await this.#hold(await this.#parts.continueOn(this.#call, partial, failure));
    } catch (error) {
      throw this.#settle(error);
    }
  }

  /** Takes up the answer of a node; of several only the first one's beginning is shown. */
  async #hold(begun: Begun): Promise<void> {
    const [first, ...others] = begun.head as [GenerationEvent, ...GenerationEvent[]];
    const fingerprint = first.event.case === "started" ? first.event.value.fingerprint : "";
    const isFirst = this.#begun === undefined;
    if (isFirst) this.#fingerprint = fingerprint;
    else if (this.#call.continuations.at(-1)?.exact !== true) this.#fingerprint = "";
    this.#begun = begun;
    this.#head = [
      ...(isFirst ? [first] : []),
      ...others.flatMap((event) => (event.event.case === "delta" ? event : (this.#check(event) ?? []))),
    ];
    this.#position = 0;
    const { ending } = this.#call;
    if (ending?.error === undefined) return;
    await begun.rest.return?.();
    throw ending.error;
  }

  /** Ends the call with an error; the word that ended it first, such as a deadline, stands. */
  #settle(thrown: unknown): MeshError {
    this.#call.end({ error: toMeshError(thrown) });
    return this.#call.ending?.error ?? toMeshError(thrown);
  }

  /** An event that is no delta as it is passed on; undefined when it is not. */
  #check(seen: GenerationEvent): GenerationEvent | undefined {
    const { event } = seen;
    switch (event.case) {
      case "finished": {
        const value = this.#call.amend(event.value);
        this.#call.end({ finished: value });
        return value === event.value ? seen : { ...seen, event: { case: "finished", value } };
      }
      case "embedded":
        // A node that goes on with embeddings makes all of them anew.
        if (event.value.index < this.#embeddings) return undefined;
        this.#embeddings = event.value.index + 1;
        return seen;
      case "started":
        void this.#begun?.rest.return?.();
        throw new MeshError("engine_failed", "The node began its answer twice.");
    }
    return seen;
  }

  #checkEnd(): void {
    if (this.#call.ending?.finished !== undefined) return;
    throw new MeshError("engine_failed", "The node ended its answer without finishing it.");
  }
}

/** Why the caller's signal aborted; whatever a library says there, it is not a bug of ours. */
function toLeaving(reason: unknown): MeshError {
  const error = toMeshError(reason);
  return error.kind === "internal" ? callerLeft(reason) : error;
}
