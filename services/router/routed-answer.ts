import { MeshError, toMeshError } from "../../core/errors/mesh-error.ts";
import type { DeliveryLog } from "../../core/relay/delivery-log.ts";
import { type PushEnd, type PushSource, pull, pushTo, type Sink } from "../../core/streams/push.ts";
import type { GenerationEvent } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Call, callerLeft, type StartAnswer, type StartedAnswer } from "./call.ts";
import type { ContinueAnswer } from "./continue-answer.ts";

type Result = IteratorResult<GenerationEvent, undefined>;

/** How to route an answer. */
export interface AnswerParts {
  readonly start: StartAnswer;
  /** Continues it on another node when its node fails after the first token. */
  readonly continueOn: ContinueAnswer;
  readonly deliveries: DeliveryLog;
}

/**
 * Reads a generation as a stream of events, remembers what has been delivered, and ends the call. When its node is
 * lost it continues with another node's answer, and the reader sees one stream:
 *
 *     fresh ──▶ head of the first node ──▶ rest ──finished──▶ ended
 *                                  ▲         │
 *              head of the next ───┘◀─failed─┘
 *
 * The only code that each delta passes: hand-written, because an async generator costs 0.5 µs per token.
 */
export class RoutedAnswer
  implements AsyncIterable<GenerationEvent>, PushSource<GenerationEvent>, Sink<GenerationEvent>
{
  #sink: Sink<GenerationEvent> | undefined;
  readonly #deliveries: DeliveryLog;
  #deliveryId = 0;
  readonly #call: Call;
  readonly #outer: AbortSignal;
  readonly #parts: AnswerParts;
  #opened = false;
  #head: readonly GenerationEvent[] = [];
  #position = 0;
  #answer: StartedAnswer | undefined;
  /** Fingerprint of the engine; empty once a different one has continued the answer. */
  #fingerprint = "";
  #embeddings = 0;

  /** Starts when it is first read, so that an answer without a reader holds nothing. */
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

  /** As the sink of its node's answer: passes on an event after the head. */
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

  /** Continues on another node, or ends with the failure. */
  async #continue(thrown: unknown): Promise<void> {
    const failure = toMeshError(thrown);
    try {
      this.#answer?.leave({ error: failure });
      const delivered = this.#deliveries.read(this.#deliveryId);
      const { asked } = this.#call;
      const partial = { asked, delivered, fingerprint: this.#fingerprint };
      await this.#adopt(await this.#parts.continueOn(this.#call, partial, failure));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Takes up the answer of a node; the reader sees only the first node's `started`. */
  async #adopt(answer: StartedAnswer): Promise<void> {
    const [first, ...others] = answer.head as [GenerationEvent, ...GenerationEvent[]];
    const fingerprint = first.event.case === "started" ? first.event.value.fingerprint : "";
    const isFirst = this.#answer === undefined;
    if (isFirst) this.#fingerprint = fingerprint;
    else if (this.#call.continuations.at(-1)?.exact !== true) this.#fingerprint = "";
    this.#answer = answer;
    this.#head = [
      ...(isFirst ? [first] : []),
      ...others.flatMap((event) => (event.event.case === "delta" ? event : (this.#check(event) ?? []))),
    ];
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
        const value = this.#call.amend(event.value);
        this.#call.end({ finished: value });
        return value === event.value ? seen : { ...seen, event: { case: "finished", value } };
      }
      case "embedded":
        // A node that continues embeddings starts at the first.
        if (event.value.index < this.#embeddings) return undefined;
        this.#embeddings = event.value.index + 1;
        return seen;
      case "started":
        void this.#answer?.rest.return?.();
        throw new MeshError("engine_failed", "The node began its answer twice.");
    }
    return seen;
  }

  #checkEnd(): void {
    if (this.#call.ending?.finished !== undefined) return;
    throw new MeshError("engine_failed", "The node ended its answer without finishing it.");
  }
}

/** Why the caller's signal aborted: a library's own reason there is no bug of ours. */
function toLeaveReason(reason: unknown): MeshError {
  const error = toMeshError(reason);
  return error.kind === "internal" ? callerLeft(reason) : error;
}
