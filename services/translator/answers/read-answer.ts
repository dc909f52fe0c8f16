import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { isDelta } from "../../../core/relay/encoded-event.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { pushTo, type Sink } from "../../../core/streams/push.ts";
import {
  describeGeneration,
  type OnGenerationEnd,
  type Surface,
} from "../../../core/telemetry/generation-record.ts";
import type {
  Finished,
  FinishReason,
  Generation,
  GenerationEvent,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { withParam } from "../errors/capability-params.ts";

/** What is needed to read answers and to report their ends. */
export interface AnswerReading {
  readonly generate: Generate;
  readonly clock: Clock;
  readonly surface: Surface;
  readonly onGenerationEnd: OnGenerationEnd;
}

/** Receives the events of one generation. */
export interface AnswerWriter {
  /** Handles the next event; the one after that writable for a returned promise. */
  accept(event: GenerationEvent): Promise<void> | undefined;
}

/**
 * Reads one answer to its end, passes every event to the writer and reports the end once. Throws a MeshError in
 * OpenAI's terms when the answer fails, or the signal's reason.
 */
export async function readAnswer(
  reader: AnswerReading,
  generation: Generation,
  signal: AbortSignal,
  writer: AnswerWriter,
): Promise<void> {
  const watch = new AnswerWatch(reader, generation);
  try {
    const events = reader.generate(generation, signal)[Symbol.asyncIterator]();
    const sink = new WatchedSink(writer, watch);
    // The writer is not waited for after an abort.
    while ((await pushTo(events, sink)) === "stopped") await orAborted(sink.writable!, signal);
    watch.end();
  } catch (thrown) {
    throw withParam(watch.fail(signal.aborted ? signal.reason : thrown), generation.model);
  }
}

/** The raw events of one answer. Reports its end once, however the iteration is left. */
export async function* iterateAnswer(
  reader: AnswerReading,
  generation: Generation,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const watch = new AnswerWatch(reader, generation);
  // A framework may abandon this iteration when its client has gone; then only the signal fires.
  const reportAborted = () =>
    watch.fail(
      signal.reason instanceof MeshError ? signal.reason : new MeshError("cancelled", "The caller left."),
    );
  if (signal.aborted) reportAborted();
  signal.addEventListener("abort", reportAborted, { once: true });
  try {
    for await (const event of reader.generate(generation, signal)) {
      watch.see(event);
      yield event;
    }
    watch.end();
  } catch (thrown) {
    watch.fail(thrown);
    throw thrown;
  } finally {
    signal.removeEventListener("abort", reportAborted);
    // Covers a `return` in the middle, which throws nothing.
    if (!watch.ended) reportAborted();
  }
}

/** Passes events to the writer, and to the watch while it needs them. */
class WatchedSink implements Sink<GenerationEvent> {
  /** The writer's promise, while the next event must wait. */
  writable: Promise<void> | undefined;
  readonly #writer: AnswerWriter;
  readonly #watch: AnswerWatch;
  /** Whether the watch needs deltas; a copy here spares most tokens from touching it. */
  #watched = true;

  constructor(writer: AnswerWriter, watch: AnswerWatch) {
    this.#writer = writer;
    this.#watch = watch;
  }

  take(event: GenerationEvent): boolean {
    if (this.#watched || !isDelta(event)) {
      this.#watch.see(event);
      this.#watched = this.#watch.awaitsToken;
    }
    this.writable = this.#writer.accept(event);
    return this.writable === undefined;
  }
}

/** Observes the events of one answer and reports its end exactly once. */
class AnswerWatch {
  ended = false;
  /** Whether the first token is still to come; later deltas need not be seen. */
  awaitsToken = true;
  readonly #generation: Generation;
  readonly #options: AnswerReading;
  readonly #startedAt: number;
  #nodeId: string | undefined;
  #firstTokenMs: number | undefined;
  #finished: Finished | undefined;

  constructor(options: AnswerReading, generation: Generation) {
    this.#options = options;
    this.#generation = generation;
    this.#startedAt = options.clock.now();
  }

  see({ event }: GenerationEvent): void {
    if (event.case === "delta") {
      if (!this.awaitsToken || (event.value.text === "" && event.value.tokenIds.length === 0)) return;
      this.awaitsToken = false;
      this.#firstTokenMs = this.#elapsedMs();
    } else if (event.case === "finished") this.#finished = event.value;
    else if (event.case === "started") this.#nodeId = event.value.nodeId;
  }

  /** Reports the end of the events. Throws when they broke off. */
  end(): void {
    if (this.#finished === undefined)
      throw new MeshError("engine_failed", "The answer stopped before its end.");
    this.#report(this.#finished.reason);
  }

  /** Reports a failure; returns it as a MeshError. */
  fail(thrown: unknown): MeshError {
    const error = toMeshError(thrown);
    this.#report(error.kind);
    return error;
  }

  #report(outcome: FinishReason | Kind): void {
    if (this.ended) return;
    this.ended = true;
    const { surface, onGenerationEnd } = this.#options;
    const continuedOn = this.#finished?.continuations.map(({ nodeId }) => nodeId);
    onGenerationEnd({
      ...describeGeneration(this.#generation),
      surface,
      nodeId: continuedOn?.at(-1) ?? this.#nodeId,
      continuedOn,
      outcome,
      promptTokens: this.#finished?.usage?.promptTokens,
      completionTokens: this.#finished?.usage?.completionTokens,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.#elapsedMs(),
    });
  }

  #elapsedMs(): number {
    return this.#options.clock.now() - this.#startedAt;
  }
}
