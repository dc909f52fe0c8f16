import { MeshError } from "../../../core/errors/mesh-error.ts";
import { isDelta } from "../../../core/relay/encoded-event.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { pushTo, type Sink } from "../../../core/streams/push.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { withParam } from "../errors/capability-params.ts";
import { AnswerWatch, type EndOptions } from "./answer-watch.ts";
import type { GenerationOptions } from "./options.ts";

/** What is needed to read an answer and to report its end. */
export type AnswerReading = EndOptions & Pick<GenerationOptions, "generate">;

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
