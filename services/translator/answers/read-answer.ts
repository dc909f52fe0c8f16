import type { Clock } from "../../../core/clock.ts";
import type { Generate } from "../../../core/generate.ts";
import { isDelta } from "../../../core/relay/encoded-event.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { pour, type Taker } from "../../../core/streams/pour.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { withParam } from "../errors/capability-params.ts";
import { AnswerWatch } from "./answer-watch.ts";

/** What reading needs, the same for every answer. */
export interface AnswerReader {
  readonly generate: Generate;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is made of an answer. */
export interface AnswerWriter {
  /** Takes the next event; when it returns a promise, the one after that waits for it. */
  accept(event: GenerationEvent): Promise<void> | undefined;
}

/**
 * Reads one answer to its end and hands every event to the writer. Logs the generation's one line. Throws a
 * MeshError in OpenAI's terms when the answer fails; when the signal aborts, its reason.
 */
export async function readAnswer(
  { generate, clock, log }: AnswerReader,
  generation: Generation,
  signal: AbortSignal,
  writer: AnswerWriter,
): Promise<void> {
  const watch = new AnswerWatch(generation, clock, log);
  try {
    const events = generate(generation, signal)[Symbol.asyncIterator]();
    const hand = new Hand(writer, watch);
    // The reader is waited for no longer than anybody wants the answer.
    while ((await pour(events, hand)) === "stopped") await orAborted(hand.waits!, signal);
    watch.end();
  } catch (thrown) {
    throw withParam(watch.fail(signal.aborted ? signal.reason : thrown), generation.model);
  }
}

/** Hands events to the writer, under the eyes of the watch. */
class Hand implements Taker<GenerationEvent> {
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
