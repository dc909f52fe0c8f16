import { MeshError } from "../../../core/errors/mesh-error.ts";
import { isDelta } from "../../../core/relay/encoded-event.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { pushTo, type Sink } from "../../../core/streams/push.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { withParam } from "../errors/capability-params.ts";
import { AnswerWatch, type EndOptions } from "./answer-watch.ts";
import type { GenerationOptions } from "./options.ts";

/** What reading an answer takes. */
export type AnswerReading = EndOptions & Pick<GenerationOptions, "generate">;

/** Takes the events of one generation. */
export interface AnswerWriter {
  /** Takes the next event; when it returns a promise, the one after that waits for it. */
  accept(event: GenerationEvent): Promise<void> | undefined;
}

/**
/**
 * Reads one answer to its end and hands every event to the writer. Its end is told, once. Throws a
 * MeshError in OpenAI's terms when the answer fails; when the signal aborts, its reason.
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
    const hand = new Hand(writer, watch);
    // The reader is waited for no longer than anybody wants the answer.
    while ((await pushTo(events, hand)) === "stopped") await orAborted(hand.waits!, signal);
    watch.end();
  } catch (thrown) {
    throw withParam(watch.fail(signal.aborted ? signal.reason : thrown), generation.model);
  }
}

/** The events of one answer, for whoever reads them as they are. Its end is told, once, however it is left. */
export async function* iterateAnswer(
  reader: AnswerReading,
  generation: Generation,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const watch = new AnswerWatch(reader, generation);
  // A framework may drop this iteration where it stands when its client has gone: then only the signal tells.
  const leave = () =>
    watch.fail(
      signal.reason instanceof MeshError ? signal.reason : new MeshError("cancelled", "The caller left."),
    );
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
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
    signal.removeEventListener("abort", leave);
    // Of a reader that leaves in the middle, which throws nothing.
    if (!watch.ended) leave();
  }
}

/** Hands events to the writer, under the eyes of the watch. */
class Hand implements Sink<GenerationEvent> {
  /** What the next event waits for. */
  waits: Promise<void> | undefined;
  readonly #writer: AnswerWriter;
  readonly #watch: AnswerWatch;
  /** Whether the watch needs to see deltas; kept here, so that most tokens need not touch it. */
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
    this.waits = this.#writer.accept(event);
    return this.waits === undefined;
  }
}
